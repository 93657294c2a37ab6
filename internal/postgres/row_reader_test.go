package postgres

import (
	"math"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
)

// The driver encodes what is read back, NULL elements and arrays included.
func TestRowReader(t *testing.T) {
	t.Parallel()
	m := pgtype.NewMap()
	encode := func(oid uint32, v any) []byte {
		b, err := m.Encode(oid, pgtype.BinaryFormatCode, v, nil)
		require.NoError(t, err)
		return b
	}
	text := "12.50"
	r := rowReader{columns: [][]byte{
		encode(pgtype.Int2OID, int16(-2)),
		encode(pgtype.Int2ArrayOID, []int16{1, -1}),
		encode(pgtype.Int4ArrayOID, []int32{math.MaxInt32, math.MinInt32}),
		encode(pgtype.Int8ArrayOID, []int64{math.MaxInt64}),
		encode(pgtype.TextArrayOID, []*string{nil, &text}),
		encode(pgtype.Int4ArrayOID, []int32{}),
		nil,
	}}
	require.Equal(t, int16(-2), r.int2())
	small, medium, large, words, empty, null := r.array(), r.array(), r.array(), r.array(), r.array(), r.array()
	require.Equal(t, []int64{1, -1, 0}, []int64{small.int(), small.int(), small.int()})
	require.Equal(t, []int64{math.MaxInt32, math.MinInt32}, []int64{medium.int(), medium.int()})
	require.Equal(t, int64(math.MaxInt64), large.int())
	require.Equal(t, []string{"", "12.50", ""}, []string{string(words.element()), string(words.element()), string(words.element())})
	require.False(t, empty.more())
	require.False(t, null.more())
	require.NoError(t, r.err)
	r.array()
	require.Error(t, r.err, "no such column")
}

func FuzzRowReader(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := rowReader{columns: [][]byte{b, b}}
		ints, texts := r.array(), r.array()
		for ints.more() {
			ints.int()
		}
		for texts.more() {
			texts.element()
		}
	})
}
