package embedded

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
)

// portRange is half open. All lie below the ports that Linux and macOS give to outgoing connections (32768 and 49152 on),
// any of which could take a port between its choice and its use.
type portRange struct {
	first, end int
	// taken counts the choices of this process, from a random start: it never offers a port twice in a round, and programs
	// that choose at the same time choose different ones.
	taken atomic.Uint32
}

// Servers have a range of their own: one that starts while the test or the benchmark around it holds a choice that is not
// in use yet must not take it.
var (
	freePorts   = newPortRange(20_000, 26_000)
	serverPorts = newPortRange(26_000, 32_000)
)

func newPortRange(first, end int) *portRange {
	r := &portRange{first: first, end: end}
	r.taken.Store(rand.Uint32N(uint32(end - first)))
	return r
}

// FreePort is a port of 127.0.0.1 that nobody listens on, and another one at each call.
func FreePort() (int, error) { return freePorts.choose() }

func (r *portRange) choose() (int, error) {
	var err error
	for range 100 {
		port := r.first + int(r.taken.Add(1))%(r.end-r.first)
		var l net.Listener
		if l, err = net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.Join(errors.New("cannot find a free port"), err)
}
