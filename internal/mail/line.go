package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// line is the way to the server. go-mail waits without an end for a server that says nothing before the first mail, and until its
// own timeout later, whatever becomes of the context. A line has a timeout from the start, and who hangs up does not wait.
type line struct {
	timeout time.Duration
	tls     *tls.Config // TLS from the first byte; nil leaves TLS to what is said on the line

	mu     sync.Mutex
	conn   net.Conn // the last one; closing it again does no harm
	hungUp bool
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(l.hold(conn), conn.SetDeadline(time.Now().Add(l.timeout))); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if l.tls == nil {
		return conn, nil
	}
	secure := tls.Client(conn, l.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

func (l *line) hold(conn net.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hungUp {
		return net.ErrClosed
	}
	l.conn = conn
	return nil
}

func (l *line) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hungUp = true
	if l.conn != nil {
		_ = l.conn.Close()
	}
}
