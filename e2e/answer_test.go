package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// readJSON keeps numbers as they are written, so that 22.850 is not 22.85 and no digit of an amount is lost.
func readJSON(t *testing.T, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	require.NoErrorf(t, d.Decode(&value), "%s", text)
	return value
}

// expected reads an answer that a test writes down, with $names in place of ids and dates.
func expected(t *testing.T, names map[string]string, text string) map[string]any {
	t.Helper()
	return readJSON(t, fillIn(t, names, text)).(map[string]any)
}

func fillIn(t *testing.T, names map[string]string, text string) string {
	t.Helper()
	return os.Expand(text, func(name string) string {
		value, ok := names[name]
		require.True(t, ok, "nothing is called $%s", name)
		return value
	})
}

// equalAnswer compares a whole answer: what is missing, what differs and what nobody has written down fail alike. All is
// equal to the last digit but the quantiles of response times, which are estimates.
func equalAnswer(t *testing.T, want, got any) {
	t.Helper()
	if difference := cmp.Diff(want, got, cmp.FilterPath(isQuantile, cmp.Comparer(sameQuantile))); difference != "" {
		t.Errorf("- wanted, + answered:\n%s", difference)
	}
}

func isQuantile(p cmp.Path) bool {
	member, ok := p.Last().(cmp.MapIndex)
	return ok && member.Key().Kind() == reflect.String && strings.HasPrefix(member.Key().String(), "p") && strings.HasSuffix(member.Key().String(), "_ms")
}

// sameQuantile allows the documented 2 % (of the mean: neither side is known to be the exact one here).
func sameQuantile(a, b any) bool {
	x, errX := strconv.ParseFloat(fmt.Sprint(a), 64)
	y, errY := strconv.ParseFloat(fmt.Sprint(b), 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= 0.02*(x+y)/2
}

// equalNumbers requires some fields to be these numbers, written in any equivalent decimal form but exactly equal.
func equalNumbers(t *testing.T, got map[string]any, want map[string]string) {
	t.Helper()
	for field, number := range want {
		value, ok := got[field].(json.Number)
		require.Truef(t, ok, "%s is %v", field, got[field])
		require.Truef(t, sameNumber(value.String(), number), "%s is %s, want %s", field, value, number)
	}
}
