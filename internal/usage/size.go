package usage

import "reflect"

var (
	eventSize     = int(reflect.TypeFor[Event]().Size())
	rejectionSize = int(reflect.TypeFor[Rejection]().Size())
	totalSize     = int(reflect.TypeFor[ReportedTotal]().Size())
	paymentSize   = int(reflect.TypeFor[Payment]().Size())
)

const (
	// mapSize is what a Go map takes besides its entries, and entrySize what an entry of strings does besides their
	// text: two string headers, and a quarter of the places free.
	mapSize   = 48
	entrySize = 40
)

// Size is about how many bytes of memory the batch takes; 0 when it holds nothing.
func (b *Batch) Size() int {
	n := len(b.Events)*eventSize + len(b.Totals)*totalSize
	var shared uintptr // the metadata counted last: events of one resource share theirs
	for i := range b.Events {
		e := &b.Events[i]
		n += e.text() + mapBytes(e.Attributes)
		if e.Payment != nil {
			n += paymentSize
		}
		if len(e.Claim.Metadata) > 0 {
			if m := reflect.ValueOf(e.Claim.Metadata).Pointer(); m != shared {
				n, shared = n+mapBytes(e.Claim.Metadata), m
			}
		}
	}
	for i := range b.Totals {
		t := &b.Totals[i]
		n += len(t.Name) + len(t.Unit) + mapBytes(t.Attributes)
	}
	return n + rejectionBytes(b.Rejections) + rejectionBytes(b.Notes)
}

// text is the length of the strings that an event does not share with many others, as it does the ids of keys.
func (e *Event) text() int {
	return len(e.Fingerprint) + len(e.Method) + len(e.Route) + len(e.ErrorType) + len(e.Name) + len(e.Operation) +
		len(e.AgentID) + len(e.ServiceID) + len(e.SDK.Name) + len(e.SDK.Version) + len(e.SDK.Language) + len(e.UserAgent) +
		len(e.Claim.Email) + len(e.Claim.Organization)
}

func mapBytes(m map[string]string) int {
	if len(m) == 0 {
		return 0
	}
	n := mapSize + len(m)*entrySize
	for k, v := range m {
		n += len(k) + len(v)
	}
	return n
}

func rejectionBytes(list []Rejection) int {
	n := len(list) * rejectionSize
	for i := range list {
		n += len(list[i].Detail) + len(list[i].Record)
	}
	return n
}
