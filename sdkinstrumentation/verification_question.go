package sdkinstrumentation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

// question is how Mirrorball is asked.
type question struct {
	url, key           string
	environment, scope string
	timeout            time.Duration
	transport          http.RoundTripper
	client             *http.Client
}

// start makes the client. A redirect is an error: the key goes to the address that was configured, and nowhere else.
func (q *question) start(key string) {
	q.key = key
	if q.transport == nil {
		q.transport = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}
	}
	q.client = &http.Client{Transport: q.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// asked is the body of POST /keys/verify.
type asked struct {
	Key         string `json:"key"`
	Environment string `json:"environment,omitempty"`
	Scope       string `json:"scope,omitempty"`
	Address     string `json:"client_address,omitempty"`
	Calls       int64  `json:"calls"`
}

// answered is its answer, as far as it is used.
type answered struct {
	Valid          bool     `json:"valid"`
	Code           string   `json:"code"`
	KeyID          string   `json:"key_id"`
	UserID         string   `json:"user_id"`
	OrganizationID string   `json:"organization_id"`
	Environment    string   `json:"environment"`
	Scopes         []string `json:"scopes"`
	RateLimit      *struct {
		Remaining int64 `json:"remaining"`
	} `json:"rate_limit"`
	Quota *struct {
		Remaining int64 `json:"remaining"`
	} `json:"quota"`
}

// ask returns an error if there is no answer that can be read.
func (q *question) ask(ctx context.Context, key, address string, calls int64) (a *answer, err error) {
	defer func() {
		if recover() != nil { // of a transport that was given
			a, err = nil, errors.New("cannot verify keys: the transport panics")
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	body, err := json.Marshal(asked{Key: key, Environment: q.environment, Scope: q.scope, Address: address, Calls: calls})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, q.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("cannot verify keys: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+q.key)
	resp, err := q.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot verify keys: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("cannot verify keys: Mirrorball answers %d; the server's own key needs the scope keys:verify", resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("cannot verify keys: Mirrorball answers %d", resp.StatusCode)
	case err != nil:
		return nil, fmt.Errorf("cannot verify keys: %w", err)
	}
	var b answered
	if json.Unmarshal(text, &b) != nil || b.Code == "" || b.Valid != (b.Code == codeValid) {
		return nil, errors.New("cannot verify keys: what answers is not Mirrorball's analytics API")
	}
	return newAnswer(&b, resp.Header), nil
}

func newAnswer(b *answered, h http.Header) *answer {
	a := &answer{good: b.Valid, code: b.Code, keyID: b.KeyID, left: math.MaxInt64}
	if b.RateLimit != nil {
		a.left = min(a.left, b.RateLimit.Remaining)
	}
	if b.Quota != nil {
		a.left = min(a.left, b.Quota.Remaining)
	}
	if b.Valid {
		a.verified = &VerifiedKey{KeyID: b.KeyID, UserID: b.UserID, OrganizationID: b.OrganizationID, Environment: b.Environment, Scopes: b.Scopes}
	}
	for i, name := range limitHeaders {
		a.headers[i] = h.Get(name)
	}
	return a
}
