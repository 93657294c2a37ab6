package apikey

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	f := func(in, want string) {
		t.Helper()
		got, found := Redact(in)
		require.Equal(t, want, got)
		require.Equal(t, in != want, found)
	}
	f("", "")
	f("GET /payments", "GET /payments")
	f(liveKey, "[api key]")
	f(testAdminKey, "[api key]")
	f("Bearer "+liveKey+" was refused", "Bearer [api key] was refused")
	f("https://api.example/?key="+testKey+"&x=1", "https://api.example/?key=[api key]&x=1")
	f(liveKey+","+testKey, "[api key],[api key]")
	f(liveKey+liveKey, "[api key][api key]")
	f(liveKey[:14]+liveKey, "[api key][api key]")
	f("cut off: "+liveKey[:18], "cut off: [api key]")
	f("é"+liveAdminKey+"\xff", "é[api key]\xff")
	f("utf-16: "+strings.Join(strings.Split(liveKey, ""), "\x00")+"\x00", "utf-16: [api key]")
	f(liveKey[:5]+"\x00"+liveKey[5:], "[api key]")
	// no keys
	f("a\x00b", "a\x00b")
	f("dk_", "dk_")
	f("dk_live_", "dk_live_")
	f("dk_live_…mexu", "dk_live_…mexu")
	f("dk_test_run", "dk_test_run")
	f("sdk_version dk_prod_0123456789ABCDEF", "sdk_version dk_prod_0123456789ABCDEF")
	f("dk_live_admin_", "dk_live_admin_")
	f("dk_dk_dk_"+liveKey, "dk_dk_dk_[api key]")
}

func TestRedactAllocatesNothingWhenThereIsNothing(t *testing.T) {
	for _, s := range []string{"", "POST /payments/{id}", strings.Repeat("dk_live_… ", 100)} {
		require.Zero(t, testing.AllocsPerRun(100, func() { Redact(s) }))
	}
}

func FuzzRedact(f *testing.F) {
	for _, s := range []string{"", liveKey, "x" + testAdminKey + "y", liveKey + liveKey, "dk_live_admin_12345678", "dk_dk_live_12345678", "dk_test_12345678", "dk\x00_live_12345678"} {
		f.Add(s)
	}
	key := regexp.MustCompile(`dk_(test|live)_(admin_)?[0-9A-Za-z]{8,}`)
	f.Fuzz(func(t *testing.T, s string) {
		got, found := Redact(s)
		require.Equal(t, key.MatchString(strings.ReplaceAll(s, "\x00", "")), found)
		require.False(t, key.MatchString(got), got)
		require.True(t, MayHold([]byte(s)) || !found, s)
		if !found {
			require.Equal(t, s, got)
		}
	})
}
