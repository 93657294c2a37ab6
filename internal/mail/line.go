package mail

import (
	"context"
	"errors"
	"net"
	"sync"
)

// line is the way to the server. go-mail waits for a silent server until its timeout, whatever becomes of the context; who
// hangs up does not.
type line struct {
	mu     sync.Mutex
	conn   net.Conn // the last one; closing it again does no harm
	hungUp bool
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hungUp {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	l.conn = conn
	return conn, nil
}

func (l *line) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hungUp = true
	if l.conn != nil {
		_ = l.conn.Close()
	}
}
