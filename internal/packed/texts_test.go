package packed

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every text is what it was, whatever else fell into its place, and equal neighbours are one.
func TestTexts(t *testing.T) {
	t.Parallel()
	var all texts
	var numbers []uint32
	values := []string{"", "GET", strings.Repeat("x", longestShared), strings.Repeat("y", longestShared+1)}
	for n := range 3 * textPlaces {
		values = append(values, fmt.Sprint("value ", n))
	}
	for range 2 {
		for _, v := range values {
			n := all.number([]byte(v))
			if len(v) <= longestShared {
				require.Equal(t, n, all.number([]byte(v)))
			}
			numbers = append(numbers, n)
		}
	}
	for i, n := range numbers {
		require.Equal(t, values[i%len(values)], all.all[n].String)
	}
	require.Equal(t, []bool{true, true, false}, []bool{all.all[numbers[0]].Storable, all.all[numbers[1]].Storable, all.all[numbers[3]].Storable}, "the last is not looked at")

	all.forget()
	require.Zero(t, all.number([]byte("POST")), "numbers begin anew")
	require.Equal(t, uint32(1), all.number([]byte("GET")), "what was forgotten is not found")
}

// What a text may hold is found out once, and holds for its next use.
func TestTextsThatAreNotPlain(t *testing.T) {
	t.Parallel()
	var all texts
	for range 2 {
		for _, padding := range []int{40, longestShared} { // remembered, and not
			n := all.number([]byte("my key is dk_live_" + strings.Repeat("a", padding)))
			require.False(t, all.all[n].plain)
		}
		n := all.number([]byte("bad \xff text"))
		require.False(t, all.all[n].Storable)
		require.True(t, all.all[n].plain)
	}
}
