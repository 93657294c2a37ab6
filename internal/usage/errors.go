package usage

import "errors"

type permanentError struct{ err error }

func (e permanentError) Error() string { return e.err.Error() }
func (e permanentError) Unwrap() error { return e.err }

// Permanent marks err as one that the same batch would meet again.
func Permanent(err error) error { return permanentError{err} }

// IsPermanent reports whether err was marked by [Permanent].
func IsPermanent(err error) bool {
	var p permanentError
	return errors.As(err, &p)
}

// ErrEnding is the error of a [Writer] for which there is no time left: its process is about to end.
var ErrEnding = errors.New("the collector is about to end")
