package postgres_test

import (
	"testing"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/postgres/postgrestest"
)

func TestCopyIsWhatTheDriverCopies(t *testing.T) {
	t.Parallel()
	postgres.CopyIsWhatTheDriverCopies(t, postgrestest.New(t))
}
