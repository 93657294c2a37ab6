package sdkinstrumentation

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// errorType names an error in few words, never with its text, which may hold addresses and secrets.
func errorType(err error) string {
	var (
		dns  *net.DNSError
		cert *tls.CertificateVerificationError
		op   *net.OpError
		slow interface{ Timeout() bool }
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return "timeout"
	case errors.As(err, &dns):
		return "dns"
	case errors.As(err, &cert):
		return "tls"
	case errors.As(err, &op):
		return "connection"
	}
	return clean(fmt.Sprintf("%T", innermost(err)), maxName)
}

// innermost unwraps, since "*url.Error" or "*fmt.wrapError" tells nobody anything.
func innermost(err error) error {
	for range 16 { // a chain that goes in circles must not hang the caller
		next := errors.Unwrap(err)
		if next == nil {
			break
		}
		err = next
	}
	return err
}

// statusFailure is the error.type of a status, "" below the first failing one.
func statusFailure(status, firstFailing int) string {
	if status < firstFailing {
		return ""
	}
	return strconv.Itoa(status)
}
