package usage

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// The estimate bounds a queue, so it has to be near what the heap grows by. Not parallel: others allocate.
func TestSizeIsNearWhatTheHeapGrowsBy(t *testing.T) {
	for name, fill := range map[string]func(*Event, int){
		"plain": func(*Event, int) {},
		"request": func(e *Event, i int) {
			e.Route, e.UserAgent, e.Claim.Email = strings.Repeat("r", 32), strings.Repeat("u", 48), fmt.Sprintf("customer%d@example.com", 10_000_000+i)
			e.Payment = &Payment{Amount: decimal.New(1250, -2)}
		},
		"attributes": func(e *Event, i int) {
			e.Attributes = make(map[string]string)
			for k := range 20 {
				e.Attributes[fmt.Sprint("key", 1_000_000_000_000+k)] = fmt.Sprint(1_000_000_000_000_000 + i)
			}
		},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		b := &Batch{Events: make([]Event, 5000)}
		for i := range b.Events {
			fill(&b.Events[i], i)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		require.InEpsilon(t, float64(after.HeapAlloc-before.HeapAlloc), float64(b.Size()), 0.35, name)
	}
}

func TestSharedMetadataIsCountedOnce(t *testing.T) {
	t.Parallel()
	shared := map[string]string{"plan": strings.Repeat("x", 1000)}
	one, two := Event{}, Event{}
	one.Claim.Metadata, two.Claim.Metadata = shared, shared
	bare := (&Batch{Events: make([]Event, 2)}).Size()
	got := (&Batch{Events: []Event{one, two}}).Size() - bare
	require.Greater(t, got, 1000)
	require.Less(t, got, 1500)
}
