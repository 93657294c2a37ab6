package postgres

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"github.com/disco-platform/mirrorball/internal/usage"
)

// record is an event on its way into the database.
type record struct {
	event    *usage.Event
	holder   *holder // of the key
	sender   *holder // of the key that it was sent with
	key      int32
	reporter int32 // the sender's key
	micros   int64 // the event's time since 1970
	// words are the places of the event's values in the vocabulary; counted are the dictionary ids that the event is
	// counted under, which a transaction decides.
	words, counted [domainEnd]int32
	undated        bool
	committed      bool
}

// identity is what makes two events the same.
type identity struct {
	key    int32
	micros int64 // 0 for an undated event, whose time is only that of its receipt
	id     usage.ID
}

func (r *record) identity() identity {
	if r.event.Undated {
		return identity{key: r.key, id: r.event.ID}
	}
	return identity{r.key, r.micros, r.event.ID}
}

// compareRecords is the order in which every writer works through a batch, and takes locks; inTimeOrder has another for events
// themselves. Unlike cmp.Or this looks at ids only where they decide.
func compareRecords(a, b *record) int {
	if c := cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.micros, b.micros)); c != 0 {
		return c
	}
	return bytes.Compare(a.event.ID[:], b.event.ID[:])
}

// sortRecords sorts by compareRecords, grouped by key first: within a key, records come nearly in order, which costs a
// twentieth of sorting them all.
func sortRecords(records []*record) {
	next := map[int32]int{} // how many records a key has, then the place of its next one
	for _, r := range records {
		next[r.key]++
	}
	keys := slices.Sorted(maps.Keys(next))
	ends, end := make([]int, len(keys)), 0
	for i, key := range keys {
		next[key], end = end, end+next[key]
		ends[i] = end
	}
	grouped := make([]*record, len(records))
	for _, r := range records {
		grouped[next[r.key]] = r
		next[r.key]++
	}
	begin := 0
	for _, end := range ends {
		slices.SortFunc(grouped[begin:end], compareRecords)
		begin = end
	}
	copy(records, grouped)
}

// inTimeOrder puts records that are sorted by compareRecords into the order of the index of audit_logs, (time, key, id). A batch
// is about the latest events, so that its entries go to the end of the index, where Postgres fills pages one after the other. Key
// by key they would go to pages all over the end, each of which is split, and logged once more, whenever it is full.
func inTimeOrder(records []*record) []*record {
	type place struct {
		micros int64
		at     int
	}
	places := make([]place, len(records))
	for i, r := range records {
		places[i] = place{r.micros, i}
	}
	slices.SortFunc(places, func(a, b place) int {
		if c := cmp.Compare(a.micros, b.micros); c != 0 { // cmp.Or would compare the rest all the same
			return c
		}
		return a.at - b.at
	})
	sorted := make([]*record, len(records))
	for i, p := range places {
		sorted[i] = records[p.at]
	}
	return sorted
}

// distinct sorts records and drops repeats among them; it returns the repeats too.
func distinct(records []*record) (kept, repeats []*record) {
	sortRecords(records)
	undated := map[identity]struct{}{}
	kept = records[:0]
	for i, r := range records {
		if r.undated {
			if _, seen := undated[r.identity()]; seen {
				repeats = append(repeats, r)
				continue
			}
			undated[r.identity()] = struct{}{}
		}
		if len(kept) > 0 && compareRecords(kept[len(kept)-1], records[i]) == 0 {
			repeats = append(repeats, r)
			continue
		}
		kept = append(kept, r)
	}
	return kept, repeats
}

// eachDay calls fn for each run of records of one key and UTC day. The records are sorted.
func eachDay(records []*record, fn func(key, day int32, run []*record)) {
	for len(records) > 0 {
		key, day := records[0].key, dayOf(records[0].micros)
		next := int64(day+1) * dayMicros
		n := 1
		for n < len(records) && records[n].key == key && records[n].micros < next {
			n++
		}
		fn(key, day, records[:n])
		records = records[n:]
	}
}
