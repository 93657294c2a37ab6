package usagepdata

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/disco-platform/mirrorball/internal/usage"
	"github.com/disco-platform/mirrorball/sdkinstrumentation/usageconv"
)

// StampRecordIDs gives an id to each event in ld that brought none, as the attribute usageconv.StampRecordID: a hash of
// what the sender wrote and how often the same stands before it in the request. A repeated request gets the same ids.
//
// It has to see requests as they came in. In a batch that several requests were merged into, a request and its
// repetition could stand side by side, and the ordinals would make them different events.
func StampRecordIDs(ld plog.Logs) {
	var ids recordIDs
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, rec := range sl.LogRecords().All() {
				if !needsID(rec) {
					continue
				}
				id := ids.next(rl.Resource(), rec)
				rec.Attributes().PutStr(usageconv.StampRecordID, hex.EncodeToString(id[:]))
			}
		}
	}
}

func needsID(rec plog.LogRecord) bool {
	var env envelope
	for key, given := range rec.Attributes().All() {
		v := valueOf(given)
		env.take(key, &v)
	}
	if env.eventName(rec) == "" {
		return false
	}
	_, has := env.id()
	return !has
}

// recordIDs makes ids from content. It holds an entry to each distinct record of one request.
type recordIDs struct {
	seen map[usage.ID]uint32
}

func (r *recordIDs) next(res pcommon.Resource, rec plog.LogRecord) usage.ID {
	h := contentHash{sha256.New()}
	h.attributes(res.Attributes())
	h.text(rec.EventName())
	h.number(uint64(rec.Timestamp()))
	h.number(uint64(rec.ObservedTimestamp()))
	h.number(uint64(rec.SeverityNumber()))
	traceID, spanID := rec.TraceID(), rec.SpanID()
	h.Write(traceID[:])
	h.Write(spanID[:])
	h.text(rec.Body().AsString())
	h.attributes(rec.Attributes())
	content := h.id()
	if r.seen == nil {
		r.seen = make(map[usage.ID]uint32)
	}
	ordinal := r.seen[content]
	r.seen[content]++

	h.Reset()
	h.Write([]byte{'h'})
	h.Write(content[:])
	h.number(uint64(ordinal))
	return h.id()
}

// contentHash hashes values with their lengths, so that neighbours cannot be shifted into each other.
type contentHash struct{ hash.Hash }

func (h contentHash) text(s string) {
	h.number(uint64(len(s)))
	h.Write([]byte(s))
}

func (h contentHash) number(n uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	h.Write(b[:])
}

// attributes hashes what the sender wrote. What the collector wrote is left out: it may differ when the same request
// comes again, say from another address or after the owner was renamed.
func (h contentHash) attributes(m pcommon.Map) {
	var ignored who
	for key, given := range m.All() {
		if v := valueOf(given); ignored.take(key, &v) {
			continue
		}
		h.text(key)
		h.number(uint64(given.Type()))
		h.text(given.AsString())
	}
	h.text("") // no key is empty: the end
}

func (h contentHash) id() usage.ID {
	var sum [sha256.Size]byte
	return usage.ID(h.Sum(sum[:0])[:16])
}
