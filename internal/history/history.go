package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// History is what senders did. Its methods may be called from many goroutines; it holds one record to an event,
// however often that was sent.
type History struct {
	mu       sync.Mutex
	fates    map[string]*fate
	receipts map[receipt]*tally
	out      *json.Encoder
	err      error
}

// fate sums up all attempts to deliver an event.
type fate struct {
	Event
	ok, failed, unknown int
	invoked, answered   time.Time // of the first and the last attempt
}

type receipt struct {
	key  string
	hour time.Time
}

// tally counts attempts by the hour that they may have been received in: sure ones lie in it as a whole.
type tally struct{ sure, possible int64 }

// New makes a history that writes each attempt to out as a line of JSON; out may be nil.
func New(out io.Writer) *History {
	h := &History{fates: map[string]*fate{}, receipts: map[receipt]*tally{}}
	if out != nil {
		h.out = json.NewEncoder(out)
	}
	return h
}

// Add takes note of an attempt that has ended.
func (h *History) Add(a Attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.write(line{Attempt: &a})
	f := h.fates[a.ID]
	if f == nil {
		f = &fate{Event: a.Event, invoked: a.Invoked, answered: a.Answered}
		h.fates[a.ID] = f
	} else if !f.Event.equal(a.Event) {
		h.err = errors.Join(h.err, fmt.Errorf("two different events were sent as %q", a.ID))
	}
	switch a.Outcome {
	case OK:
		f.ok++
	case Failed:
		f.failed++
	default:
		f.unknown++
	}
	if a.Invoked.Before(f.invoked) {
		f.invoked = a.Invoked
	}
	if a.Answered.After(f.answered) {
		f.answered = a.Answered
	}
	if a.Outcome != Failed {
		h.receive(a)
	}
}

func (h *History) receive(a Attempt) {
	first, last := hour(a.Invoked), hour(a.Answered)
	for at := first; !at.After(last); at = at.Add(time.Hour) {
		t := h.tally(receipt{a.LedgerKey, at})
		t.possible++
		if a.Outcome == OK && first.Equal(last) {
			t.sure++
		}
	}
}

func (h *History) tally(r receipt) *tally {
	t := h.receipts[r]
	if t == nil {
		t = &tally{}
		h.receipts[r] = t
	}
	return t
}

// Len is the number of events that were sent.
func (h *History) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.fates)
}

func hour(t time.Time) time.Time { return t.UTC().Truncate(time.Hour) }

func (e Event) equal(other Event) bool {
	same := e.Time.Equal(other.Time)
	e.Time, other.Time = time.Time{}, time.Time{}
	return same && e == other
}

// line is one line of a written history; one field is set.
type line struct {
	Attempt *Attempt   `json:"attempt,omitempty"`
	Row     *Row       `json:"row,omitempty"`
	Cell    *Cell      `json:"cell,omitempty"`
	Ledger  *LedgerRow `json:"ledger,omitempty"`
	Options *Options   `json:"options,omitempty"`
	Finding *Finding   `json:"finding,omitempty"`
}

func (h *History) write(l line) {
	if h.out != nil {
		h.err = errors.Join(h.err, h.out.Encode(l))
	}
}

// writeCheck adds what was compared and found, so that the written history is complete.
func (h *History) writeCheck(o Observed, options Options, findings []Finding) {
	if h.out == nil {
		return
	}
	for i := range o.Rows {
		h.write(line{Row: &o.Rows[i]})
	}
	for i := range o.Statistics {
		h.write(line{Cell: &o.Statistics[i]})
	}
	for i := range o.Ledger {
		h.write(line{Ledger: &o.Ledger[i]})
	}
	h.write(line{Options: &options})
	for i := range findings {
		h.write(line{Finding: &findings[i]})
	}
}

// Replay repeats a check from a written history.
func Replay(r io.Reader) (Report, error) {
	h := New(nil)
	var o Observed
	var options Options
	for d := json.NewDecoder(bufio.NewReader(r)); ; {
		var l line
		err := d.Decode(&l)
		switch {
		case errors.Is(err, io.EOF):
			return h.check(o, options)
		case err != nil:
			return Report{}, fmt.Errorf("cannot read the history: %w", err)
		case l.Attempt != nil:
			h.Add(*l.Attempt)
		case l.Row != nil:
			o.Rows = append(o.Rows, *l.Row)
		case l.Cell != nil:
			o.Statistics = append(o.Statistics, *l.Cell)
		case l.Ledger != nil:
			o.Ledger = append(o.Ledger, *l.Ledger)
		case l.Options != nil:
			options = *l.Options
		}
	}
}
