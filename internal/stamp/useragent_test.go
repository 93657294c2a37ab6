package stamp

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestParseUserAgent(t *testing.T) {
	t.Parallel()
	f := func(in, name, version, language string) {
		t.Helper()
		got, found := parseUserAgent(in)
		require.Equal(t, SDK{name, version, language}, got, in)
		require.Equal(t, name != "", found, in)
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
	// other platforms' and third parties'
	f("acme-sdk-python/2.1.0 (python 3.12; linux)", "acme-sdk-python", "2.1.0", "python")
	f("sdk-ruby/1.0", "sdk-ruby", "1.0", "ruby")
	f("Acme_SDK.Net/4", "Acme_SDK.Net", "4", "net")
	f("python-acme-sdk/3 (Macintosh; x)", "python-acme-sdk", "3", "") // only our own comments start with a language
	f("mydisco-sdk-go/1", "mydisco-sdk-go", "1", "go")
	f("Mozilla/5.0 (X11; Linux) acme-sdk-js/7 other-sdk-js/8", "acme-sdk-js", "7", "js")
	f("acme-sdk-go/2 (disco) disco-sdk-go/1.0.0 (go1.26)", "disco-sdk-go", "1.0.0", "go") // our own before others
	// none
	f("", "", "", "")
	f("curl/8.5.0", "", "", "")
	f("disco-sdk-go", "", "", "")
	f("disco-sdk-go/", "", "", "")
	f("disco-sdkgo/1", "", "", "")
	f("acmesdk-go/1", "", "", "")
	f("acme-sdks/1", "", "", "")
	f("acme-\u017fdk/1", "", "", "") // the long s folds to s
	f("sdk/", "", "", "")
	f("acme-sdk-go", "", "", "")
	f("acme-sdk-go/1/2", "", "", "")
	f(strings.Repeat("a-", 40)+"sdk/1", "", "", "")
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
	f.Add("acme-sdk-python/2.1.0 other_sdk.js/1 disco-sdk-go/1")
	sdkName := regexp.MustCompile(`(?i)^([^-_.]*[-_.])*sdk([-_.]|$)`)
	f.Fuzz(func(t *testing.T, s string) {
		got, found := parseUserAgent(s)
		if !found {
			require.Equal(t, SDK{}, got)
			return
		}
		require.Regexp(t, sdkName, got.Name)
		require.Contains(t, s, got.Name+"/"+got.Version)
		require.NotEmpty(t, got.Version)
		require.LessOrEqual(t, len(got.Name), maxProduct)
		require.LessOrEqual(t, len(got.Version), maxProduct)
		require.LessOrEqual(t, len(got.Language), maxLanguage)
		require.True(t, utf8.ValidString(got.Name+got.Version+got.Language))
	})
}
