package apikey

import (
	"encoding/hex"
	"hash/crc32"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// Keys whose checksum, fingerprint and digest were worked out with Python's zlib, hashlib and hmac.
const (
	testKey      = "dk_test_0123456789ABCDEFGHIJKLMNOPQRSTUV3hmlHT"
	liveKey      = "dk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV2Emexu"
	testAdminKey = "dk_test_admin_0123456789ABCDEFGHIJKLMNOPQRSTUV4HlLEK"
	liveAdminKey = "dk_live_admin_0123456789ABCDEFGHIJKLMNOPQRSTUV1Tq107"
	paddedKey    = "dk_test_0000000000000000000000000000007900GwNz"

	liveFingerprint = "873ce33cb35798d71dafc111987899896b6f8a51d728973a1c68c50dff7e4d85"
	liveDigest      = "5b98a4f449c8b1773a17d7596ff6ac20349d39e212f5f2b5ac525d1a0115ca30"
)

func TestCheckAcceptsKeysOfEachKind(t *testing.T) {
	t.Parallel()
	f := func(raw string, want Kind) {
		t.Helper()
		kind, err := Check(raw)
		require.NoError(t, err)
		require.Equal(t, want, kind)
	}
	f(testKey, Kind{Environment: "sandbox"})
	f(liveKey, Kind{Environment: "live"})
	f(testAdminKey, Kind{Environment: "sandbox", Admin: true})
	f(liveAdminKey, Kind{Environment: "live", Admin: true})
	f(paddedKey, Kind{Environment: "sandbox"})
}

func TestCheckRefusesWhatIsNoKey(t *testing.T) {
	t.Parallel()
	f := func(raw string) {
		t.Helper()
		_, err := Check(raw)
		require.ErrorIs(t, err, ErrMalformed, raw)
	}
	f("")
	f("dk_")
	f("dk_live_")
	f(liveKey[:len(liveKey)-1])
	f(liveKey + "0")
	f(" " + liveKey)
	f(liveKey + "\n")
	f("DK_LIVE_" + liveKey[len("DK_LIVE_"):])
	f("dk_prod_" + liveKey[len("dk_prod_"):])
	f("dk_test_" + liveKey[len("dk_test_"):]) // another kind has another checksum
	f("dk_live_admin_" + liveKey[len("dk_live_"):])
	f(strings.Repeat("dk_live_", 1<<17))
	f(liveKey[:20] + "\x00" + liveKey[21:])
	f(liveKey[:20] + "é" + liveKey[22:])
}

// A slip of one character is noticed, wherever it is.
func TestCheckNoticesEachSlip(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{testKey, liveAdminKey} {
		for i := range raw {
			for _, c := range []byte("0Aaz_-") {
				if raw[i] == c {
					continue
				}
				_, err := Check(raw[:i] + string(c) + raw[i+1:])
				require.ErrorIs(t, err, ErrMalformed, "character %d as %c", i, c)
			}
		}
	}
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	require.Equal(t, usageconv.EnvironmentSandbox, Sandbox)
	require.Equal(t, usageconv.EnvironmentLive, Live)
	seen := map[string]bool{}
	letters := map[rune]bool{}
	for _, kind := range []Kind{{Sandbox, false}, {Live, false}, {Sandbox, true}, {Live, true}} {
		for range 500 {
			raw, err := Generate(kind.Environment, kind.Admin)
			require.NoError(t, err)
			require.False(t, seen[raw], "a key came twice")
			seen[raw] = true
			got, err := Check(raw)
			require.NoError(t, err)
			require.Equal(t, kind, got)
			for _, c := range raw[len(raw)-tailLength:] {
				letters[c] = true
			}
		}
	}
	require.Len(t, letters, 62)

	_, err := Generate("production", false)
	require.ErrorContains(t, err, `"production"`)
}

func TestDigestHintAndID(t *testing.T) {
	t.Parallel()
	f := FingerprintOf(liveKey)
	require.Equal(t, liveFingerprint, f.String())
	require.Equal(t, liveDigest, hex.EncodeToString(Digest([]byte("pepper"), f)))
	require.NotEqual(t, Digest([]byte("pepper"), f), Digest([]byte("other"), f))

	parsed, err := ParseFingerprint(liveFingerprint)
	require.NoError(t, err)
	require.Equal(t, f, parsed)
	for _, bad := range []string{"", liveFingerprint[1:], liveFingerprint + "0", "zz" + liveFingerprint[2:], liveKey} {
		_, err := ParseFingerprint(bad)
		require.Error(t, err, bad)
	}

	require.Equal(t, "dk_live_…mexu", Hint(liveKey))
	require.Equal(t, "dk_live_admin_…q107", Hint(liveAdminKey))
	require.Empty(t, Hint("dk_live_secret"))

	require.Regexp(t, `^key_[0-9A-Za-z]{20}$`, NewID("key_"))
	require.NotEqual(t, NewID("usr_"), NewID("usr_"))
}

// FuzzCheck compares with a regular expression and a checksum worked out another way.
func FuzzCheck(f *testing.F) {
	for _, raw := range []string{testKey, liveKey, testAdminKey, liveAdminKey, paddedKey, "", "dk_live_", liveKey + "x"} {
		f.Add(raw)
	}
	shape := regexp.MustCompile(`^dk_(test|live)_(admin_)?[0-9A-Za-z]{38}$`)
	f.Fuzz(func(t *testing.T, raw string) {
		_, err := Check(raw)
		ok := shape.MatchString(raw)
		if ok {
			body, sum := raw[:len(raw)-6], raw[len(raw)-6:]
			n := new(big.Int)
			for _, c := range sum {
				n.Mul(n, big.NewInt(62)).Add(n, big.NewInt(int64(strings.IndexRune(base62, c))))
			}
			ok = n.Cmp(big.NewInt(int64(crc32.ChecksumIEEE([]byte(body))))) == 0
		}
		require.Equal(t, ok, err == nil)
	})
}
