package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShares(t *testing.T) {
	t.Parallel()
	stored := []byte{0, 0, 1, 0, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 7, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0}
	var got [][4]int64
	require.NoError(t, eachShare(stored, func(organization int32, requests, errors, payments int64) {
		got = append(got, [4]int64{int64(organization), requests, errors, payments})
	}))
	require.Equal(t, [][4]int64{{256, 9, 8, 7}, {1<<31 - 1, 1<<31 - 1, 0, 0}}, got)

	written := appendShare(nil, &figures{cell: cell{dimensionOrganization, 256}, count: 9, errors: 8, payments: 7})
	written = appendShare(written, &figures{cell: cell{dimensionOrganization, 1<<31 - 1}, count: 1<<31 - 1})
	require.Equal(t, stored, written)

	require.NoError(t, eachShare(nil, nil))
	require.Error(t, eachShare(stored[:31], func(int32, int64, int64, int64) {}))
}
