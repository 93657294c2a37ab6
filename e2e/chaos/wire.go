//go:build linux

package chaos

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
)

// Wire is what the collectors reach Postgres through.
type Wire struct {
	proxy *toxiproxy.Proxy
	state *wireState
}

// wireState is shared by all connections of a wire.
type wireState struct {
	// How many of the next COMMITs are hit, by what happens to them.
	refuse, interrupt, silence atomic.Int64
	hit                        atomic.Int64 // COMMITs that were hit
	hole                       atomic.Bool  // bytes vanish and connections stay open
}

// NewWire opens a way to a server at address.
func NewWire(address string) (*Wire, error) {
	registerToxics()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	w := &Wire{proxy: toxiproxy.NewProxy(server, "postgres", "127.0.0.1:0", address), state: &wireState{}}
	name := fmt.Sprint(wireCount.Add(1))
	wires.Store(name, w.state)
	for _, toxic := range []string{
		`{"type":"to_postgres","stream":"upstream","attributes":{"wire":"` + name + `"}}`,
		`{"type":"from_postgres","stream":"downstream","attributes":{"wire":"` + name + `"}}`,
		// Never works on any data (toxicity 0), but makes the proxy close each connection with RST in place of FIN.
		`{"type":"reset_peer","stream":"upstream","toxicity":0}`,
	} {
		if _, err := w.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			return nil, fmt.Errorf("cannot add toxic %s: %w", toxic, err)
		}
	}
	return w, w.proxy.Start()
}

// Address is where the collectors connect to.
func (w *Wire) Address() string { return w.proxy.Listen }

// Close cuts the wire for good.
func (w *Wire) Close() { w.proxy.Stop() }

// ResetCommits has the next n COMMITs meet a reset: a third never reach the server, a third reach it while the connection
// breaks, and a third are done and their answer is lost.
func (w *Wire) ResetCommits(n int) {
	for i := range n {
		[]*atomic.Int64{&w.state.refuse, &w.state.interrupt, &w.state.silence}[i%3].Add(1)
	}
}

// Heal lets all COMMITs through again.
func (w *Wire) Heal() {
	w.state.refuse.Store(0)
	w.state.interrupt.Store(0)
	w.state.silence.Store(0)
}

// Hits is how many COMMITs have met a reset.
func (w *Wire) Hits() int { return int(w.state.hit.Load()) }

// Cut resets all connections and refuses new ones for a while.
func (w *Wire) Cut(ctx context.Context, down time.Duration) error {
	w.proxy.Stop()
	pause(ctx, down)
	return w.proxy.Start()
}

// Swallow lets bytes vanish for a while without closing anything, as a network without a route does.
func (w *Wire) Swallow(ctx context.Context, down time.Duration) error {
	w.state.hole.Store(true)
	pause(ctx, down)
	w.state.hole.Store(false)
	return w.Cut(ctx, 0) // what has lost bytes cannot go on
}

var (
	wires         sync.Map // name to *wireState: a toxic is made by reflection, so it gets no pointer
	wireCount     atomic.Int64
	registerToxic sync.Once
)

func registerToxics() {
	registerToxic.Do(func() {
		toxics.Register("to_postgres", new(toPostgres))
		toxics.Register("from_postgres", new(fromPostgres))
	})
}

// toPostgres watches what collectors send.
type toPostgres struct {
	Wire string `json:"wire"`
}

// fromPostgres watches what the server answers.
type fromPostgres struct {
	Wire string `json:"wire"`
}

// pgx sends COMMIT as a simple query, which is the text and a zero byte; the answer is a command tag of the same form.
var (
	commitQuery  = []byte("commit\x00")
	commitAnswer = []byte("COMMIT\x00")
)

func (t *toPostgres) Pipe(stub *toxics.ToxicStub) {
	w := stateOf(t.Wire)
	pipe(stub, w, func(data []byte) fate {
		switch isCommit := bytes.Contains(data, commitQuery); {
		case isCommit && take(&w.refuse):
			return dropAndReset
		case isCommit && take(&w.interrupt):
			return sendAndReset
		}
		return send
	})
}

func (t *fromPostgres) Pipe(stub *toxics.ToxicStub) {
	w := stateOf(t.Wire)
	pipe(stub, w, func(data []byte) fate {
		if bytes.Contains(data, commitAnswer) && take(&w.silence) {
			return dropAndReset
		}
		return send
	})
}

func stateOf(name string) *wireState {
	w, _ := wires.Load(name)
	return w.(*wireState)
}

// fate is what happens to some bytes on the wire.
type fate int

const (
	send fate = iota
	sendAndReset
	dropAndReset
)

func pipe(stub *toxics.ToxicStub, w *wireState, judge func([]byte) fate) {
	for {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-stub.Input:
			if chunk == nil {
				stub.Close()
				return
			}
			if w.hole.Load() {
				continue
			}
			judged := judge(chunk.Data)
			if judged != dropAndReset {
				stub.Output <- chunk
			}
			if judged != send {
				w.hit.Add(1)
				stub.Close()
				for range stub.Input { // the other side may still be sending
				}
				return
			}
		}
	}
}

// take uses up one of a counter.
func take(counter *atomic.Int64) bool {
	for {
		n := counter.Load()
		if n <= 0 {
			return false
		}
		if counter.CompareAndSwap(n, n-1) {
			return true
		}
	}
}
