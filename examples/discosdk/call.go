package discosdk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
)

// maxAnswerBytes bounds what is read of an answer.
const maxAnswerBytes = 1 << 20

// endpoint is a method of the SDK: the operation's name, and where it goes.
type endpoint struct {
	operation string
	method    string
	template  string // "/payments/{id}": the name of the endpoint in statistics
}

// call performs an operation and decodes its answer into out.
func (c *Client) call(ctx context.Context, e endpoint, path string, in, out any, facts ...sdkinstrumentation.OperationOption) error {
	ctx, op := c.telemetry.Operation(ctx, e.operation, append(facts, sdkinstrumentation.WithTemplate(e.template))...)
	err := c.attempts(ctx, e, path, in, out)
	op.End(err)
	if err != nil {
		return fmt.Errorf("disco: %s: %w", e.operation, err)
	}
	return nil
}

func (c *Client) attempts(ctx context.Context, e endpoint, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	for attempt := 1; ; attempt++ {
		retry, err := c.attempt(ctx, e.method, path, body, out)
		if err == nil || !retry.worth || attempt == c.maxAttempts {
			return err
		}
		if err := c.sleep(ctx, retry.wait(attempt)); err != nil {
			return err
		}
	}
}

// attempt sends one HTTP request.
func (c *Client) attempt(ctx context.Context, method, path string, body []byte, out any) (retry, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.baseURL+path, bytes.NewReader(body))
	if err != nil {
		return retry{}, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return retry{worth: method == http.MethodGet && ctx.Err() == nil}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil {
		return retry{worth: method == http.MethodGet && ctx.Err() == nil}, err
	}
	if resp.StatusCode >= 300 {
		return retryFor(method, resp), errorFrom(resp.StatusCode, text)
	}
	return retry{}, json.Unmarshal(text, out)
}
