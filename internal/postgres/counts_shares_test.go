package postgres

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestShares(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stored []byte
		shares [][4]int64
	}{
		"narrow":      {[]byte{1, 1, 0, 0, 7, 9, 8, 255}, [][4]int64{{7, 9, 0, 0}, {8, 255, 0, 0}}},
		"as needed":   {[]byte{2, 1, 1, 3, 1, 0, 9, 8, 0, 0, 7, 0, 2, 0, 0, 1, 0, 0}, [][4]int64{{256, 9, 8, 7}, {2, 0, 0, 65536}}},
		"wide":        {[]byte{4, 4, 4, 4, 0x7f, 255, 255, 255, 0x7f, 255, 255, 255, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78}, [][4]int64{{math.MaxInt32, math.MaxInt32, 0, 0x12345678}}},
		"nobody's":    {[]byte{1, 0, 0, 0, 0}, [][4]int64{{0, 0, 0, 0}}},
		"none at all": {nil, nil},
	} {
		var got [][4]int64
		require.NoError(t, eachShare(c.stored, func(organization int32, requests, errors, payments int64) {
			got = append(got, [4]int64{int64(organization), requests, errors, payments})
		}), name)
		require.Equal(t, c.shares, got, name)
		if name != "wide" {
			require.Equal(t, c.stored, appendShares(nil, figuresOf(c.shares)), name)
		}
	}
	for _, broken := range [][]byte{{1}, {1, 1, 0}, {1, 1, 0, 0, 7}, {5, 1, 0, 0, 1, 2, 3, 4, 5, 6}, {0, 1, 1, 1, 1, 1, 1}, {0, 0, 0, 0, 1}} {
		require.Error(t, eachShare(broken, func(int32, int64, int64, int64) {}), "%v", broken)
	}
}

// Whatever is written is read again, and nothing else.
func TestSharesAreReadAsWritten(t *testing.T) {
	t.Parallel()
	figure := rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(0, 300), rapid.Int64Range(0, 70_000), rapid.Int64Range(0, math.MaxInt32))
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) (s [4]int64) {
			for i := range s {
				s[i] = figure.Draw(t, "figure")
			}
			return s
		}), 0, 20).Draw(t, "shares")
		got := [][4]int64{}
		require.NoError(t, eachShare(appendShares(nil, figuresOf(list)), func(organization int32, requests, errors, payments int64) {
			got = append(got, [4]int64{int64(organization), requests, errors, payments})
		}))
		require.Equal(t, append([][4]int64{}, list...), got)
	})
}

func figuresOf(shares [][4]int64) []placed {
	var list []placed
	for _, s := range shares {
		list = append(list, placeOf(&figures{cell: cell{dimensionOrganization, int32(s[0])}, count: s[1], errors: s[2], payments: s[3]}))
	}
	return list
}
