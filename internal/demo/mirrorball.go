package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/disco-platform/mirrorball/internal/demo/traffic"
)

// mirrorball speaks to the collector's API and its receiver of CloudEvents.
type mirrorball struct {
	api, events string
	http        *http.Client
}

// statusError is an answer other than success.
type statusError struct {
	what   string
	status int
	detail string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("cannot %s: the collector answers %d %s", e.what, e.status, e.detail)
}

func newMirrorball(api, events string) *mirrorball {
	return &mirrorball{
		api: strings.TrimSuffix(api, "/"), events: strings.TrimSuffix(events, "/"),
		http: &http.Client{Timeout: 30 * time.Second},
	}
}

// awaitReady waits until the API answers.
func (m *mirrorball) awaitReady(interrupt context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(interrupt, limit)
	defer cancel()
	for {
		_, err := m.do(ctx, "reach the API", http.MethodGet, m.api+"/openapi.json", "", "", nil)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || pause(ctx, 250*time.Millisecond) != nil {
			if interrupt.Err() != nil {
				return interrupt.Err()
			}
			return fmt.Errorf("no collector at %s after %s: start it with `bin/mirrorball --config examples/local.yaml` (%w)", m.api, limit, err)
		}
	}
}

// register makes a user; with an organization id it joins that organisation, which takes the admin's key.
func (m *mirrorball) register(ctx context.Context, adminKey string, u *traffic.User, organizationID string) (*account, error) {
	in := map[string]string{
		"email": u.Email, "name": u.Name, "use_case": u.UseCase, "expected_volume": u.ExpectedVolume, "environment": u.Environment,
	}
	key := ""
	if organizationID != "" {
		in["organization_id"], key = organizationID, adminKey
	} else {
		in["organization"] = u.Organization
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	answer, err := m.do(ctx, "register "+u.Email, http.MethodPost, m.api+"/users/register", key, "application/json", body)
	if err != nil {
		return nil, err
	}
	var out struct {
		APIKey string `json:"api_key"`
		User   struct {
			ID string `json:"id"`
		} `json:"user"`
		Organization struct {
			ID string `json:"id"`
		} `json:"organization"`
	}
	if err := json.Unmarshal(answer, &out); err != nil || out.APIKey == "" || out.Organization.ID == "" {
		return nil, fmt.Errorf("cannot register %s: the answer has no api_key or organization.id", u.Email)
	}
	return &account{Key: out.APIKey, UserID: out.User.ID, OrganizationID: out.Organization.ID}, nil
}

// knows reports whether the collector knows a key.
func (m *mirrorball) knows(ctx context.Context, key string) (bool, error) {
	_, err := m.get(ctx, "/analytics/user-info", key)
	var status *statusError
	if errors.As(err, &status) && status.status == http.StatusUnauthorized {
		return false, nil
	}
	return err == nil, err
}

func (m *mirrorball) get(ctx context.Context, path, key string) ([]byte, error) {
	return m.do(ctx, "ask "+path, http.MethodGet, m.api+path, key, "", nil)
}

// maxAnswerBytes bounds what is read of an answer; the OpenAPI document is the largest.
const maxAnswerBytes = 4 << 20

func (m *mirrorball) do(ctx context.Context, what, method, url, key, contentType string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("cannot %s: %w", what, err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := m.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot %s: %w", what, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil {
		return nil, fmt.Errorf("cannot %s: %w", what, err)
	}
	if resp.StatusCode >= 300 {
		return nil, &statusError{what, resp.StatusCode, strings.TrimSpace(string(text[:min(len(text), 300)]))}
	}
	return text, nil
}

// readKey reads a key that the collector left in its data folder.
func readKey(data, name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(data, name))
	if err != nil {
		return "", fmt.Errorf("cannot read the key: %w: point --data (MIRRORBALL_DATA) at the collector's data folder", err)
	}
	return strings.TrimSpace(string(text)), nil
}
