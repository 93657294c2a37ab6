package discosdk

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

const (
	firstWait = 200 * time.Millisecond
	maxWait   = 5 * time.Second
)

// retry says whether an attempt is worth another, and how long the server asked to wait.
type retry struct {
	worth bool
	after time.Duration
}

// retryFor repeats what the server did not do: 429 and 503. After another 5xx nobody knows, so only reading
// is repeated.
func retryFor(method string, resp *http.Response) retry {
	var r retry
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusServiceUnavailable:
		r.worth = true
	case resp.StatusCode >= 500:
		r.worth = method == http.MethodGet
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		r.after = time.Duration(s) * time.Second
	}
	return r
}

// wait doubles from attempt to attempt, unless the server said otherwise.
func (r retry) wait(attempt int) time.Duration {
	if r.after > 0 {
		return min(r.after, maxWait)
	}
	return min(firstWait<<(attempt-1), maxWait)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
