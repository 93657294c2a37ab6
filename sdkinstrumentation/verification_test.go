package sdkinstrumentation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/sdkinstrumentation"
)

const (
	platformKey = "dk_live_platform"
	goodAnswer  = `{"valid":true,"code":"valid","key_id":"key_1","user_id":"usr_1","organization_id":"org_1","environment":"live","scopes":["usage:read"]}`
)

// verifier answers POST /keys/verify in process. It keeps a limit if there is one, all calls of a question or none.
type verifier struct {
	mu        sync.Mutex
	questions []map[string]any
	counted   int64
	limit     int64 // 0: none
	answer    func() (*http.Response, error)
	delay     time.Duration
}

func (v *verifier) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	select {
	case <-req.Context().Done():
		return nil, req.Context().Err()
	case <-time.After(v.delay):
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	var q map[string]any
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	q["url"], q["authorization"] = req.URL.String(), req.Header.Get("Authorization")
	v.questions = append(v.questions, q)
	if v.answer != nil {
		return v.answer()
	}
	calls := int64(q["calls"].(float64))
	if v.limit > 0 && v.counted+calls > v.limit {
		resp := response(req, http.StatusOK, fmt.Sprintf(`{"valid":false,"code":"rate_limited","key_id":"key_1","rate_limit":{"limit":%d,"remaining":%d}}`, v.limit, v.limit-v.counted))
		resp.Header.Set("RateLimit-Limit", fmt.Sprint(v.limit))
		resp.Header.Set("RateLimit-Remaining", "0")
		resp.Header.Set("RateLimit-Reset", "1800")
		resp.Header.Set("Retry-After", "1800")
		return resp, nil
	}
	v.counted += calls
	if v.limit > 0 {
		return response(req, http.StatusOK, fmt.Sprintf(`{"valid":true,"code":"valid","rate_limit":{"limit":%d,"remaining":%d}}`, v.limit, v.limit-v.counted)), nil
	}
	return response(req, http.StatusOK, goodAnswer), nil
}

func (v *verifier) answers(status int, body string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answer = func() (*http.Response, error) { return response(nil, status, body), nil }
}

func (v *verifier) recovers() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answer = nil
}

func (v *verifier) asked() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.questions)
}

// guarded is a handler behind the verification, and how often it was reached.
type guarded struct {
	http.Handler
	reached atomic.Int64
}

func guard(v *verifier, opts ...sdkinstrumentation.VerificationOption) *guarded {
	g := &guarded{}
	in := sdkinstrumentation.New(sdkinstrumentation.WithAPIKey(platformKey))
	opts = append([]sdkinstrumentation.VerificationOption{sdkinstrumentation.WithVerificationRoundTripper(v)}, opts...)
	g.Handler = in.Middleware(sdkinstrumentation.WithKeyVerification("https://usage.example/", opts...))(
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) { g.reached.Add(1) }))
	return g
}

// call makes a call with a key, and returns the answer.
func (g *guarded) call(key string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/payments", http.NoBody)
	r.RemoteAddr = "192.0.2.7:4711"
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

func TestVerificationAsksAndRemembers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &verifier{}
		g := guard(v, sdkinstrumentation.WithRequiredEnvironment("live"), sdkinstrumentation.WithRequiredScope("usage:read"))
		for range 5 {
			require.Equal(t, http.StatusOK, g.call(testKey).Code)
		}
		require.Equal(t, []map[string]any{{
			"url": "https://usage.example/keys/verify", "authorization": "Bearer " + platformKey, "key": testKey, "environment": "live",
			"scope": "usage:read", "client_address": "192.0.2.7", "calls": 1.0,
		}}, v.questions)
		time.Sleep(time.Second)
		require.Equal(t, http.StatusOK, g.call(testKey).Code)
		require.Equal(t, 5.0, v.questions[1]["calls"], "four from memory and this one")
		require.EqualValues(t, 6, v.counted)

		// Another address may have another answer.
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+testKey)
		g.ServeHTTP(httptest.NewRecorder(), r)
		require.Equal(t, 3, v.asked())
	})
}

func TestVerificationRefuses(t *testing.T) {
	t.Parallel()
	for code, status := range map[string]int{
		"malformed": 401, "unknown": 401, "revoked": 401, "expired": 401, "environment": 403, "scope": 403, "address": 403,
		"rate_limited": 429, "over_quota": 429, "of_the_future": 403,
	} {
		v := &verifier{}
		v.answers(http.StatusOK, `{"valid":false,"code":"`+code+`"}`)
		g := guard(v)
		for range 3 {
			w := g.call(testKey)
			require.Equal(t, status, w.Code, code)
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			var problem map[string]any
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &problem))
			require.EqualValues(t, status, problem["status"])
			require.Equal(t, []any{"about:blank", http.StatusText(status)}, []any{problem["type"], problem["title"]})
			require.NotContains(t, w.Body.String(), testKey)
			require.Equal(t, status == 401, w.Header().Get("WWW-Authenticate") == "Bearer")
		}
		require.Equal(t, 1, v.asked(), "a refusal is remembered, too")
		require.Zero(t, g.reached.Load())
	}

	// What is no key of the platform is refused without a question.
	v := &verifier{}
	var refusals []sdkinstrumentation.Refusal
	g := guard(v, sdkinstrumentation.WithRefusal(func(w http.ResponseWriter, _ *http.Request, r sdkinstrumentation.Refusal) {
		refusals = append(refusals, r)
		w.WriteHeader(http.StatusTeapot)
	}), sdkinstrumentation.WithUnverified(func(r *http.Request) bool { return r.URL.Path == "/health" }))
	require.Equal(t, http.StatusTeapot, g.call("").Code)
	require.Equal(t, http.StatusTeapot, g.call("a token of somebody else").Code)
	require.Equal(t, []string{"missing", "missing"}, []string{refusals[0].Code, refusals[1].Code})
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/health", http.NoBody))
	require.Equal(t, http.StatusOK, w.Code)
	require.Zero(t, v.asked())
}

// One server keeps a limit exactly, also from memory.
func TestVerificationKeepsLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &verifier{limit: 50}
		g := guard(v)
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() { g.call(testKey) })
		}
		wg.Wait()
		require.EqualValues(t, 50, g.reached.Load())
		require.EqualValues(t, 50, v.counted, "what was let through is counted, though one call more did not fit")
		w := g.call(testKey)
		require.Equal(t, http.StatusTooManyRequests, w.Code)
		require.Equal(t, []string{"50", "0", "1800", "1800"}, []string{
			w.Header().Get("RateLimit-Limit"), w.Header().Get("RateLimit-Remaining"), w.Header().Get("RateLimit-Reset"), w.Header().Get("Retry-After"),
		})
		v.mu.Lock()
		v.counted = 0 // the next hour
		v.mu.Unlock()
		time.Sleep(time.Second)
		require.Equal(t, http.StatusOK, g.call(testKey).Code)
		require.EqualValues(t, 1, v.counted)
	})
}

func TestVerificationAsksOnceForMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &verifier{delay: 100 * time.Millisecond}
		g := guard(v)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { g.call(testKey) })
		}
		wg.Wait()
		require.Equal(t, 1, v.asked())
		require.EqualValues(t, 100, g.reached.Load())
		time.Sleep(time.Second)
		g.call(testKey)
		require.EqualValues(t, 101, v.counted)
	})
}

// Every call that is let through is told, whatever goes on.
func TestVerificationCountsExactly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &verifier{delay: 10 * time.Millisecond}
		g := guard(v)
		var wg sync.WaitGroup
		for worker := range 20 {
			wg.Go(func() {
				for i := range 100 {
					g.call(fmt.Sprintf("dk_live_%d", (worker+i)%7))
					time.Sleep(time.Duration(i%13) * 20 * time.Millisecond)
				}
			})
		}
		time.Sleep(3 * time.Second)
		v.answers(http.StatusServiceUnavailable, "")
		time.Sleep(3 * time.Second)
		v.recovers()
		wg.Wait()
		time.Sleep(2 * time.Second)
		for i := range 7 {
			g.call(fmt.Sprintf("dk_live_%d", i))
		}
		require.EqualValues(t, 2007, g.reached.Load())
		require.EqualValues(t, 2007, v.counted)
	})
}

func TestVerificationWithoutMirrorball(t *testing.T) {
	t.Parallel()
	bad := map[string]func(*verifier){
		"slow": func(v *verifier) { v.delay = time.Hour },
		"away": func(v *verifier) {
			v.answer = func() (*http.Response, error) { return nil, errors.New("connection refused") }
		},
		"broken":     func(v *verifier) { v.answer = func() (*http.Response, error) { panic("transport") } },
		"garbage":    func(v *verifier) { v.answers(200, "<html>") },
		"empty":      func(v *verifier) { v.answers(200, "{}") },
		"two minds":  func(v *verifier) { v.answers(200, `{"valid":true,"code":"revoked"}`) },
		"elsewhere":  func(v *verifier) { v.answers(302, "") },
		"own key":    func(v *verifier) { v.answers(401, "") },
		"overloaded": func(v *verifier) { v.answers(503, "") },
	}
	for name, breakIt := range bad {
		synctest.Test(t, func(t *testing.T) {
			for _, c := range []struct {
				away                     sdkinstrumentation.Away
				known, refused, stranger int
			}{
				{sdkinstrumentation.AwayLetThrough, 200, 401, 200},
				{sdkinstrumentation.AwayKnownOnly, 200, 401, 503},
				{sdkinstrumentation.AwayRefuse, 503, 401, 503},
			} {
				v := &verifier{}
				var told []error
				g := guard(v, sdkinstrumentation.WithAway(c.away), sdkinstrumentation.WithVerificationErrors(func(err error) { told = append(told, err) }))
				require.Equal(t, 200, g.call(testKey).Code)
				v.answers(200, `{"valid":false,"code":"revoked"}`)
				require.Equal(t, 401, g.call("dk_live_revoked").Code)
				time.Sleep(2 * time.Second)
				v.recovers()
				breakIt(v)
				began := time.Now()
				for range 3 {
					require.Equal(t, c.known, g.call(testKey).Code, name)
					require.Equal(t, c.refused, g.call("dk_live_revoked").Code, name)
					require.Equal(t, c.stranger, g.call("dk_live_stranger").Code, name)
				}
				require.LessOrEqual(t, time.Since(began), 250*time.Millisecond, "%s: one call waits, the others do not", name)
				require.Len(t, told, 1, name)
				require.NotContains(t, told[0].Error(), testKey)
				require.NotContains(t, told[0].Error(), platformKey)
				time.Sleep(6 * time.Minute)
				if c.away == sdkinstrumentation.AwayKnownOnly {
					require.Equal(t, 503, g.call(testKey).Code, "%s: known some minutes ago", name)
				}
			}
		})
	}
}

// A caller that hangs up takes nobody's answer away.
func TestVerificationOfACallerThatHangsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &verifier{delay: 100 * time.Millisecond}
		g := guard(v)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody).WithContext(ctx)
			r.RemoteAddr = "192.0.2.7:4711"
			r.Header.Set("Authorization", "Bearer "+testKey)
			g.ServeHTTP(httptest.NewRecorder(), r)
		}()
		synctest.Wait()
		cancel()
		require.Equal(t, http.StatusOK, g.call(testKey).Code)
		require.Equal(t, 1, v.asked())
	})
}

// Keys that nobody uses any more are forgotten, and strangers' first.
func TestVerificationIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &verifier{}
		g := guard(v, sdkinstrumentation.WithRememberedKeys(3))
		g.call(testKey)
		g.call(testKey) // owes a call
		for i := range 100 {
			g.call(fmt.Sprintf("dk_live_%d", i))
		}
		require.Equal(t, 101, v.asked())
		g.call(testKey)
		require.Equal(t, 101, v.asked(), "what owes a count is kept")
		g.call("dk_live_0")
		require.Equal(t, 102, v.asked(), "others are forgotten")
	})
}

// Verification goes on when telemetry is switched off, and the route is known when it is not.
func TestVerificationBesideTelemetry(t *testing.T) {
	t.Parallel()
	v := &verifier{}
	option := sdkinstrumentation.WithKeyVerification("https://usage.example", sdkinstrumentation.WithVerificationRoundTripper(v))
	in, collector := start(t)
	off := sdkinstrumentation.New(sdkinstrumentation.WithDisabled(), sdkinstrumentation.WithAPIKey(platformKey))
	for _, middleware := range []func(http.Handler) http.Handler{in.Middleware(option), off.Middleware(option)} {
		var seen sdkinstrumentation.VerifiedKey
		mux := http.NewServeMux()
		mux.HandleFunc("GET /payments/{id}", func(_ http.ResponseWriter, r *http.Request) {
			seen, _ = sdkinstrumentation.Verified(r.Context())
		})
		r := httptest.NewRequest(http.MethodGet, "/payments/p1", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+testKey)
		middleware(mux).ServeHTTP(httptest.NewRecorder(), r)
		require.Equal(t, sdkinstrumentation.VerifiedKey{KeyID: "key_1", UserID: "usr_1", OrganizationID: "org_1", Environment: "live", Scopes: []string{"usage:read"}}, seen)
		w := httptest.NewRecorder()
		middleware(mux).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/payments/p1", http.NoBody))
		require.Equal(t, http.StatusUnauthorized, w.Code)
	}
	got := spans(t, in, collector)
	require.Len(t, got, 2)
	require.Equal(t, "/payments/{id}", got[0].Attributes["http.route"])
	require.Equal(t, int64(401), got[1].Attributes["http.response.status_code"])
	_, ok := sdkinstrumentation.Verified(context.Background())
	require.False(t, ok)
}

func TestVerificationAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun forbids it
	none := sdkinstrumentation.New(sdkinstrumentation.WithDisabled())
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+testKey)
	w := httptest.NewRecorder()
	without := none.Middleware()(handler)
	require.Zero(t, testing.AllocsPerRun(100, func() { without.ServeHTTP(w, r) }), "who does not use it does not pay")

	with := none.Middleware(sdkinstrumentation.WithKeyVerification("https://usage.example", sdkinstrumentation.WithVerificationRoundTripper(&verifier{}), sdkinstrumentation.WithRememberFor(time.Hour)))(handler)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { with.ServeHTTP(w, r) }), 4.0)
}
