package postgres

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Equal organisations go by their number, whatever page they are on; the list ends where it should.
func TestTopShares(t *testing.T) {
	t.Parallel()
	s := shares{pages: map[int32]*page{}}
	for i := range int32(3000) {
		*s.at(i) = share{int64(i % 100), 1, 2}
	}
	s.at(2500).requests += 10 // 0 + 10
	*s.at(1) = share{100, 5, 7}
	top := s.top(4)
	require.Len(t, top, 4)
	require.Equal(t, ranked{1, share{100, 5, 7}}, top[0])
	for i, organization := range []int32{1, 99, 199, 299} {
		require.Equal(t, organization, top[i].organization)
	}
	require.Len(t, s.top(5000), 3000)
	*s.at(1) = share{}
	require.Len(t, s.top(5000), 2999, "of which nothing is left")
}
