package usagepdata

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// Equal values become one, whatever else fell into their place; none becomes another.
func TestSame(t *testing.T) {
	t.Parallel()
	var s same
	for range 3 {
		for n := range 10 * sameSize {
			v := fmt.Sprint("value ", n)
			require.Equal(t, v, s.of(strings.Clone(v)))
			one, other := s.of(strings.Clone(v)), s.of(strings.Clone(v))
			require.Same(t, unsafe.StringData(one), unsafe.StringData(other))
		}
	}
	require.Empty(t, s.of(""))
	long := strings.Repeat("x", longestSame+1)
	require.NotSame(t, unsafe.StringData(s.of(long)), unsafe.StringData(s.of(strings.Clone(long))), "not kept")
}
