package demo

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/disco-platform/mirrorball/internal/demo/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// One run fills two days and today; both sides see the same calls, at the times of the plan.
func TestRunFillsThePast(t *testing.T) {
	data := t.TempDir()
	s := newStub(t, data)
	var out bytes.Buffer
	began := time.Now()
	require.NoError(t, Run(context.Background(), s.options(data, 2, &out)), "%s", &out)

	first := began.UTC().Truncate(24*time.Hour).AddDate(0, 0, -2)
	statuses, client, server := map[string]int{}, map[string]bool{}, map[string]bool{}
	resent, payments := 0, map[string]int{}
	for _, span := range s.spans {
		require.False(t, span.start.Before(first), "%v", span)
		require.False(t, span.end.After(time.Now()), "%v", span)
		require.True(t, span.end.After(span.start), "%v", span)
		id := span.trace + span.attributes["http.request.resend_count"]
		switch span.kind {
		case "SPAN_KIND_CLIENT":
			client[span.trace] = true
			require.NotEqual(t, "dk_live_platform", span.reporter)
			require.NotEmpty(t, span.attributes["http.route"], id)
			if span.attributes["http.request.resend_count"] != "" {
				resent++
			}
		case "SPAN_KIND_SERVER":
			server[span.trace] = true
			require.Equal(t, "dk_live_platform", span.reporter)
			require.NotContains(t, []string{"", "127.0.0.1"}, span.attributes["client.address"])
			statuses[span.attributes["http.response.status_code"]]++
			if c := span.attributes["disco.payment.currency"]; c != "" {
				payments[c]++
			}
		default:
			t.Fatalf("unexpected %s", span.kind)
		}
	}
	for trace := range client {
		require.True(t, server[trace], "a call was seen by the client only")
	}
	// Calls with a wrong key are seen by the server only.
	require.Equal(t, len(server)-len(client), statuses["401"])
	for _, status := range []string{"200", "201", "401", "402", "404", "429"} {
		require.Positive(t, statuses[status], "status %s: %v", status, statuses)
	}
	require.Positive(t, resent)
	require.Len(t, payments, 3)
	require.Positive(t, s.notices)
	require.Contains(t, s.events, "agent_collaboration_started")
	require.Contains(t, out.String(), "curl -H 'Authorization: Bearer dk_live_")
	require.Contains(t, out.String(), "dk_live_admin_stub")
}

func TestUsersRegisterOnceAndJoinTheirColleagues(t *testing.T) {
	data := t.TempDir()
	s := newStub(t, data)
	require.NoError(t, Run(context.Background(), s.options(data, 1, &bytes.Buffer{})))
	organizations := map[string]bool{}
	joined := 0
	for _, r := range s.registrations {
		if r["organization_id"] != "" {
			joined++
			require.Empty(t, r["organization"])
			continue
		}
		require.False(t, organizations[r["organization"]], "%s was opened twice", r["organization"])
		organizations[r["organization"]] = true
	}
	require.Len(t, s.registrations, len(traffic.Cast(1)))
	require.GreaterOrEqual(t, len(organizations), 12)
	require.Positive(t, joined)

	info, err := os.Stat(filepath.Join(data, stateFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestASecondRunSendsOnlyWhatIsMissing(t *testing.T) {
	data := t.TempDir()
	s := newStub(t, data)
	require.NoError(t, Run(context.Background(), s.options(data, 1, &bytes.Buffer{})))
	st, err := loadState(data)
	require.NoError(t, err)
	seen := len(s.spans)

	// As if the first run had ended three hours ago.
	missing := st.SentUntil.Add(-3 * time.Hour)
	st.SentUntil = missing
	require.NoError(t, st.save(data))
	require.NoError(t, Run(context.Background(), s.options(data, 1, &bytes.Buffer{})))

	require.Len(t, s.registrations, len(traffic.Cast(1)))
	require.Greater(t, len(s.spans), seen)
	for _, span := range s.spans[seen:] {
		require.False(t, span.start.Before(missing), "%v", span.start)
	}
}

func TestAnInterruptIsNoFailure(t *testing.T) {
	data := t.TempDir()
	s := newStub(t, data)
	ctx, cancel := context.WithCancel(context.Background())
	opts := s.options(data, 30, &bytes.Buffer{})
	s.onTraces = cancel // in the middle of the past
	require.NoError(t, Run(ctx, opts), "%s", opts.Out)
	require.Contains(t, opts.Out.(*bytes.Buffer).String(), "Stopped. The next run goes on")
	first := len(s.spans)
	require.Positive(t, first)

	st, err := loadState(data)
	require.NoError(t, err)
	newest := time.Time{}
	for _, span := range s.spans {
		if span.start.After(newest) {
			newest = span.start
		}
	}
	require.False(t, st.SentUntil.Before(newest.Add(-time.Minute)), "what was delivered is not sent again")
	require.True(t, st.SentUntil.Before(time.Now().AddDate(0, 0, -1)), "it stopped early")
}

func TestAnInterruptThatTheCollectorGotTooIsNoFailure(t *testing.T) {
	data := t.TempDir()
	s := newStub(t, data)
	ctx, cancel := context.WithCancel(context.Background())
	s.onTraces = func() {
		cancel()
		go s.CloseClientConnections()
		s.refuse.Store(true)
	}
	var out bytes.Buffer
	require.NoError(t, run(ctx, s.options(data, 1, &out), time.Second), "%s", &out)
	require.Contains(t, out.String(), "Stopped; the collector")
}

func TestAnotherDatabaseStartsAnew(t *testing.T) {
	data := t.TempDir()
	s := newStub(t, data)
	require.NoError(t, Run(context.Background(), s.options(data, 1, &bytes.Buffer{})))
	s.mu.Lock()
	for key := range s.keys {
		if key != "dk_live_platform" && key != "dk_live_admin_stub" {
			delete(s.keys, key)
		}
	}
	s.registrations = nil
	s.mu.Unlock()
	var out bytes.Buffer
	require.NoError(t, Run(context.Background(), s.options(data, 1, &out)))
	require.Contains(t, out.String(), "starting anew")
	require.Len(t, s.registrations, len(traffic.Cast(1)))
}

func TestRunSaysWhatIsMissing(t *testing.T) {
	data := t.TempDir()
	s := newStub(t, data)
	require.NoError(t, os.Remove(filepath.Join(data, "admin.key")))
	err := Run(context.Background(), s.options(data, 1, &bytes.Buffer{}))
	require.ErrorContains(t, err, "--data (MIRRORBALL_DATA)")

	require.NoError(t, os.WriteFile(filepath.Join(data, stateFile), []byte("{"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(data, "admin.key"), []byte("dk_live_admin_stub"), 0o600))
	err = Run(context.Background(), s.options(data, 1, &bytes.Buffer{}))
	require.ErrorContains(t, err, "delete it")
}

// An interrupt before there is a collector does not say that it was waited for in vain.
func TestAnInterruptWhileWaitingIsNoFailure(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	require.NoError(t, Run(ctx, Options{API: "http://127.0.0.1:1", Data: t.TempDir(), Out: &out}))
	require.Contains(t, out.String(), "Stopped")
}

func TestShorten(t *testing.T) {
	t.Parallel()
	short, err := shorten([]byte(`{"z":1.50,"a":[],"list":[{"x":1},{"x":2},{"x":3},4],"s":"<é>"}`))
	require.NoError(t, err)
	require.Equal(t, `{
  "z": 1.50,
  "a": [],
  "list": [
    {"x":1},
    {"x":2},
    … 2 more
  ],
  "s": "\u003cé\u003e"
}`, short)
	_, err = shorten([]byte(`{"a":`))
	require.Error(t, err)
}
