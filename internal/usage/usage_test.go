package usage

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSanitize(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   string
		max  int
		want string
	}{
		"Plain":            {"payments.create", 128, "payments.create"},
		"Empty":            {"", 5, ""},
		"NUL":              {"a\x00b\x00", 5, "ab"},
		"OnlyNUL":          {"\x00", 5, ""},
		"Invalid":          {"a\xffb", 10, "a\uFFFDb"},
		"CutAtRune":        {"aä", 2, "a"},
		"CutWholeRune":     {"aä", 3, "aä"},
		"CutInEmoji":       {"😀😀", 7, "😀"},
		"NothingFits":      {"😀", 3, ""},
		"Zero":             {"abc", 0, ""},
		"ReplacementIsCut": {"\xff\xff", 4, "\uFFFD"}, // a run of invalid bytes is one replacement
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, Sanitize(tt.in, tt.max))
		})
	}
}

func TestSanitizeDoesNotAllocate(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(10, func() { Sanitize("payments.create", 128) }))
}

func FuzzSanitize(f *testing.F) {
	for _, s := range []string{"", "a\x00b", "\xff", "ä", "😀", strings.Repeat("\xff", 100)} {
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, s string, limit uint8) {
		got := Sanitize(s, int(limit))
		require.True(t, utf8.ValidString(got))
		require.NotContains(t, got, "\x00")
		require.LessOrEqual(t, len(got), int(limit))
		require.Equal(t, got, Sanitize(got, int(limit)), "what is clean stays")
		if utf8.ValidString(s) && !strings.Contains(s, "\x00") {
			require.True(t, strings.HasPrefix(s, got), "valid text is only cut")
		}
	})
}

func TestParsePayment(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		amount, fee, currency string
		want                  error
	}{
		"Good":             {"12.50", "0.30", "EUR", nil},
		"NoFee":            {"12", "", "JPY", nil},
		"Zero":             {"0", "0", "EUR", nil},
		"Largest":          {"999999999999999.999999999999999999", "", "USD", nil},
		"NaN":              {"NaN", "", "EUR", ErrBadAmount},
		"Infinity":         {"Infinity", "", "EUR", ErrBadAmount},
		"Exponent":         {"1e400", "", "EUR", ErrBadAmount},
		"SmallExponent":    {"1e2", "", "EUR", ErrBadAmount},
		"Negative":         {"-5", "", "EUR", ErrBadAmount},
		"Plus":             {"+5", "", "EUR", ErrBadAmount},
		"Comma":            {"10,00", "", "EUR", ErrBadAmount},
		"Space":            {" 1", "", "EUR", ErrBadAmount},
		"Hex":              {"0x10", "", "EUR", ErrBadAmount},
		"Underscore":       {"1_000", "", "EUR", ErrBadAmount},
		"NoInteger":        {".5", "", "EUR", ErrBadAmount},
		"NoFraction":       {"5.", "", "EUR", ErrBadAmount},
		"TwoPoints":        {"1.2.3", "", "EUR", ErrBadAmount},
		"Empty":            {"", "", "EUR", ErrBadAmount},
		"Arabic":           {"١٢", "", "EUR", ErrBadAmount},
		"TooLarge":         {"1000000000000000", "", "EUR", ErrBadAmount},
		"TooFine":          {"0.0000000000000000001", "", "EUR", ErrBadAmount},
		"BadFee":           {"1", "1e1", "EUR", ErrBadAmount},
		"Lower":            {"1", "", "eur", ErrBadCurrency},
		"UnknownCurrency":  {"1", "", "XYZ", ErrBadCurrency},
		"NoCurrency":       {"1", "", "", ErrBadCurrency},
		"WithdrawnDeutsch": {"1", "", "DEM", ErrBadCurrency},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := ParsePayment(tt.amount, tt.fee, tt.currency)
			require.ErrorIs(t, err, tt.want)
			if tt.want != nil {
				require.Nil(t, p)
				return
			}
			require.Equal(t, tt.amount, p.Amount.StringFixed(-min(p.Amount.Exponent(), 0)), "not a digit is lost")
		})
	}
}

var plain = regexp.MustCompile(`^[0-9]{1,15}(\.[0-9]{1,18})?$`)

func FuzzParseAmount(f *testing.F) {
	for _, s := range []string{"1", "12.50", "NaN", "1e400", "-5", "10,00", "0.000000000000000001", "٣", ".", "1."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseAmount(s)
		require.Equal(t, plain.MatchString(s), err == nil)
		if err == nil {
			require.False(t, d.IsNegative())
			places := int32(0)
			if _, fraction, found := strings.Cut(s, "."); found {
				places = int32(len(fraction))
			}
			want := strings.TrimLeft(s, "0")
			if want == "" || want[0] == '.' {
				want = "0" + want
			}
			require.Equal(t, want, d.StringFixed(places))
		}
	})
}

func TestWindow(t *testing.T) {
	t.Parallel()
	received := time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	w := DefaultWindow
	for event, want := range map[time.Time]Reason{
		received:                                      "",
		received.Add(-w.Past):                         "",
		received.Add(-w.Past - time.Microsecond):      ReasonTooOld,
		received.Add(w.Future):                        "",
		received.Add(w.Future + time.Microsecond):     ReasonInFuture,
		time.Unix(0, 0):                               ReasonTooOld,
		time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC):   ReasonInFuture,
		time.Date(-200, 1, 1, 0, 0, 0, 0, time.UTC):   ReasonTooOld,
		time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC): ReasonInFuture,
	} {
		require.Equal(t, want, w.Check(event, received), event)
	}
}

// Buckets follow UTC, whatever the zone of the time says, so no bucket is longer or shorter when clocks change.
func TestBucket(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	require.NoError(t, err)
	for at, want := range map[time.Time]string{
		time.Date(2026, 3, 29, 1, 59, 59, 999999000, berlin):  "2026-03-29T00:45:00Z", // the last µs of winter time
		time.Date(2026, 3, 29, 3, 0, 0, 0, berlin):            "2026-03-29T01:00:00Z",
		time.Date(2026, 10, 25, 3, 0, 0, 0, berlin):           "2026-10-25T02:00:00Z",
		time.Date(2026, 1, 1, 0, 0, 0, 0, kolkata):            "2025-12-31T18:30:00Z",
		time.Date(2026, 1, 1, 0, 14, 59, 999999000, time.UTC): "2026-01-01T00:00:00Z",
		time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC):      "1969-12-31T23:45:00Z",
	} {
		require.Equal(t, want, Bucket(at).Format(time.RFC3339), at)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	require.NotEqual(t, NamedID('c', "a", "bc"), NamedID('c', "ab", "c"))
	require.NotEqual(t, NamedID('c', "a"), NamedID('l', "a"))
	require.NotEqual(t, NamedID('c', "a"), NamedID('c', "a", ""))
	require.NotEqual(t, SpanID([16]byte{1}, [8]byte{}), SpanID([16]byte{}, [8]byte{1}))
	// Ids are stored, so they must stay what they are. By sha256sum: 's', 01 and 15 noughts, 02 and 7 noughts.
	require.Equal(t, "e57a5e4d5eabe2f79630c2dced10cb7d", fmt.Sprintf("%x", SpanID([16]byte{1}, [8]byte{2})))
}

func TestBatchLen(t *testing.T) {
	t.Parallel()
	b := Batch{Events: make([]Event, 2), Totals: make([]ReportedTotal, 3), Rejections: []Rejection{{Count: 4}, {Count: 1}}, Notes: make([]Rejection, 9)}
	require.Equal(t, 10, b.Len())
}

func TestPermanent(t *testing.T) {
	t.Parallel()
	require.True(t, IsPermanent(Permanent(ErrBadAmount)))
	require.ErrorIs(t, Permanent(ErrBadAmount), ErrBadAmount)
	require.False(t, IsPermanent(ErrBadAmount))
	require.False(t, IsPermanent(nil))
}

// Buckets are those of the formula: γ^(i-1) < d ≤ γ^i.
func TestLatencyBucket(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64Range(-5, 1<<33).Draw(t, "a"), rapid.Int64Range(-5, 1<<33).Draw(t, "b")
		if a > b {
			a, b = b, a
		}
		require.LessOrEqual(t, LatencyBucket(a), LatencyBucket(b))
	})
	for us, want := range map[int64]int{-1: 0, 0: 0, 1: 0, 2: 18, 1000: 177, 1_000_000: 353, MaxLatency: 548, MaxLatency + 1: 548} {
		require.Equal(t, want, LatencyBucket(us), us)
	}
}
