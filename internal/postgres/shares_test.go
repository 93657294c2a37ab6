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
		s.at(i).add(int64(i%100), 1, 2)
	}
	s.at(2500).add(10, 0, 0) // 0 + 10
	s.at(1).add(99, 4, 5)    // 1 + 99: the most
	top := s.top(4)
	require.Len(t, top, 4)
	require.Equal(t, ranked{1, share{requests: 100, errors: 5, payments: 7, there: true}}, top[0])
	for i, organization := range []int32{1, 99, 199, 299} {
		require.Equal(t, organization, top[i].organization)
	}
	require.Len(t, s.top(5000), 3000)
}
