package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrUnreachable is returned when there is no answer from Postgres. What was sent may or may not have been done.
var ErrUnreachable = errors.New("Postgres cannot be reached")

// StateError is a refusal by Postgres, of which only the SQLSTATE is told, and what it means where an operator can mend it.
type StateError struct{ State string }

func (e *StateError) Error() string {
	text := "Postgres refused with SQLSTATE " + e.State
	if meaning := meanings[e.State]; meaning != "" {
		text += ": " + meaning
	}
	return text
}

// meanings of the refusals that a new installation meets.
var meanings = map[string]string{
	"28000": "the server lets no such login in from here; see its pg_hba.conf",
	"28P01": "user or password of the connection string is wrong",
	"3D000": "the database of the connection string does not exist",
	"42501": "the login lacks a privilege, such as CREATE on the schema; the README of usage_store says what it needs",
	"53300": "the server has no connection left; raise its max_connections or lower `max_connections`",
}

// public strips an error of what may not leave this package: messages of Postgres quote values and statements,
// those of pgx quote hosts, users and databases. What kind of failure it is stays recognisable.
func public(err error) error {
	var server *pgconn.PgError
	var state *StateError
	switch {
	case err == nil, errors.As(err, &state), errors.Is(err, ErrUnreachable), errors.Is(err, errOutrun):
		return err
	case errors.As(err, &server) && server.Code == codeRaised:
		return errors.New(server.Message) // raised by a migration of ours
	case errors.As(err, &server):
		return &StateError{State: server.Code}
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, pgx.ErrNoRows):
		return pgx.ErrNoRows
	case isNetwork(err):
		return ErrUnreachable
	}
	return fmt.Errorf("unexpected failure of the driver (%T)", err)
}

func isNetwork(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}

// SQLSTATEs that are told apart; appendix A of the Postgres manual has all.
const (
	codeUniqueViolation = "23505"
	codeCheckViolation  = "23514" // also: no partition for the row
	codeSerialization   = "40001"
	codeDeadlock        = "40P01"
	codeRaised          = "P0001"
)

// failure is what to do about an error.
type failure int

const (
	failureOther  failure = iota // a bug or a broken schema: the whole batch fails, the sender may retry
	failureBusy                  // another transaction was in the way: do it again at once
	failureRetry                 // the server is away, full or shutting down: the sender retries
	failureRepeat                // an event is there already
	failureData                  // a record cannot be stored, now or later
)

// classify is the one place that reads SQLSTATEs.
func classify(err error) failure {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		if errors.Is(err, errOutrun) {
			return failureBusy
		}
		if isNetwork(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return failureRetry
		}
		return failureOther
	}
	switch code := server.Code; {
	case code == codeSerialization, code == codeDeadlock:
		return failureBusy
	case code == codeUniqueViolation:
		return failureRepeat
	case hasClass(code, "22", "23", "54"):
		return failureData
	case hasClass(code, "08", "53", "57", "58"), code == "55P03", code == "25P03", code == "25006":
		return failureRetry
	}
	return failureOther
}

// IsTransient reports whether an error of this package may go away by itself.
func IsTransient(err error) bool {
	if errors.Is(err, ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var state *StateError
	if !errors.As(err, &state) {
		return false
	}
	kind := classify(&pgconn.PgError{Code: state.State})
	return kind == failureRetry || kind == failureBusy
}

func hasClass(code string, classes ...string) bool {
	for _, c := range classes {
		if strings.HasPrefix(code, c) {
			return true
		}
	}
	return false
}
