package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	state := func(code string) error {
		return fmt.Errorf("in a transaction: %w", &pgconn.PgError{Code: code, Message: "secret"})
	}
	tests := map[string]struct {
		err       error
		want      failure
		transient bool
	}{
		"unique_violation":         {state("23505"), failureRepeat, false},
		"check_violation":          {state("23514"), failureData, false},
		"not_null_violation":       {state("23502"), failureData, false},
		"foreign_key_violation":    {state("23503"), failureData, false},
		"untranslatable_character": {state("22021"), failureData, false},
		"numeric_out_of_range":     {state("22003"), failureData, false},
		"program_limit_exceeded":   {state("54000"), failureData, false},
		"serialization_failure":    {state("40001"), failureBusy, true},
		"deadlock_detected":        {state("40P01"), failureBusy, true},
		"lock_not_available":       {state("55P03"), failureRetry, true},
		"connection_failure":       {state("08006"), failureRetry, true},
		"disk_full":                {state("53100"), failureRetry, true},
		"too_many_connections":     {state("53300"), failureRetry, true},
		"query_canceled":           {state("57014"), failureRetry, true},
		"admin_shutdown":           {state("57P01"), failureRetry, true},
		"cannot_connect_now":       {state("57P03"), failureRetry, true},
		"io_error":                 {state("58030"), failureRetry, true},
		"read_only_transaction":    {state("25006"), failureRetry, true},
		"idle_timeout":             {state("25P03"), failureRetry, true},
		"undefined_table":          {state("42P01"), failureOther, false},
		"insufficient_privilege":   {state("42501"), failureOther, false},
		"EOF":                      {fmt.Errorf("read: %w", io.ErrUnexpectedEOF), failureRetry, true},
		"network":                  {&net.OpError{Op: "dial", Err: errors.New("secret")}, failureRetry, true},
		"timeout":                  {context.DeadlineExceeded, failureRetry, true},
		"canceled":                 {context.Canceled, failureRetry, false},
		"bug":                      {errors.New("secret"), failureOther, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, classify(tt.err))
			require.Equal(t, tt.transient, IsTransient(public(tt.err)))
			require.NotContains(t, public(tt.err).Error(), "secret")
			require.Equal(t, public(tt.err), public(public(tt.err)), "what is public stays as it is")
		})
	}
	require.NoError(t, public(nil))
}

// What an operator can mend is said in words; the server's own, which name users and databases, stay out.
func TestRefusalsSayWhatToMend(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"28P01": "SQLSTATE 28P01: user or password",
		"3D000": "SQLSTATE 3D000: the database",
		"42501": "SQLSTATE 42501: the login lacks a privilege",
	} {
		err := public(&pgconn.PgError{Code: code, Message: `secret`})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
	require.EqualError(t, public(&pgconn.PgError{Code: "42P01", Message: "secret"}), "Postgres refused with SQLSTATE 42P01")
}
