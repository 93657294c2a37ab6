package embedded

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports that FreePort chooses from: below those that Linux and macOS give to outgoing connections (32768 and 49152 on),
// any of which could take a port between its choice and its use.
const (
	firstPort = 20_000
	lastPort  = 32_000
)

// FreePort is a port of 127.0.0.1 that nobody listens on, at random, so that programs that choose at the same time choose
// different ones.
func FreePort() (int, error) {
	var err error
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		var l net.Listener
		if l, err = net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.Join(errors.New("cannot find a free port"), err)
}
