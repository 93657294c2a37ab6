package apikeyprocessor

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestParseUserAgent(t *testing.T) {
	t.Parallel()
	f := func(in, name, version, language string) {
		t.Helper()
		n, v, l := parseUserAgent(in)
		require.Equal(t, []string{name, version, language}, []string{n, v, l}, in)
	}
	f("disco-sdk-go/1.0.0 (go1.26; linux/amd64)", "disco-sdk-go", "1.0.0", "go")
	f("disco-sdk-go/1.0.0", "disco-sdk-go", "1.0.0", "go")
	f("disco-sdk-python/2.1.0b1 (python3.12)", "disco-sdk-python", "2.1.0b1", "python")
	f("disco-sdk/2 (Python 3.12; linux)", "disco-sdk", "2", "python")
	f("disco-sdk/2", "disco-sdk", "2", "")
	f("shop/3.1 (x; y) disco-sdk-node/0.9.1+dev (node22)", "disco-sdk-node", "0.9.1+dev", "node")
	f("disco-sdk-go/1.0.0 shop/3.1", "disco-sdk-go", "1.0.0", "go")
	f("disco-sdk-go/1.0.0(go1.26)", "disco-sdk-go", "1.0.0", "go")
	f("  disco-sdk-go-beta/1", "disco-sdk-go-beta", "1", "go")
	// none
	f("", "", "", "")
	f("curl/8.5.0", "", "", "")
	f("disco-sdk-go", "", "", "")
	f("disco-sdk-go/", "", "", "")
	f("disco-sdkgo/1", "", "", "")
	f("mydisco-sdk-go/1", "", "", "")
	f("Mozilla/5.0 (disco-sdk-go/1.0.0)", "", "", "")
	f("Mozilla/5.0 (unclosed disco-sdk-go/1.0.0", "", "", "")
	f("disco-sdk-gö/1.0", "", "", "")
	f("disco-sdk-go/1.0\x00", "", "", "")
	f("disco-sdk-go/"+strings.Repeat("1", 65), "", "", "")
	f(strings.Repeat("a", 1<<20)+" disco-sdk-go/1.0.0", "", "", "")
}

func FuzzParseUserAgent(f *testing.F) {
	f.Add("disco-sdk-go/1.0.0 (go1.26; linux/amd64)")
	f.Add("((( disco-sdk/2 (Python 3.12; linux)")
	f.Add("a/b (c) disco-sdk-x/\xff")
	f.Fuzz(func(t *testing.T, s string) {
		name, version, language := parseUserAgent(s)
		if name == "" {
			require.Empty(t, version)
			require.Empty(t, language)
			return
		}
		require.True(t, strings.HasPrefix(name, "disco-sdk"))
		require.Contains(t, s, name+"/"+version)
		require.NotEmpty(t, version)
		require.LessOrEqual(t, len(name), maxProduct)
		require.LessOrEqual(t, len(version), maxProduct)
		require.LessOrEqual(t, len(language), maxLanguage)
		require.True(t, utf8.ValidString(name+version+language))
	})
}
