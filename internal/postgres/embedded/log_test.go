package embedded

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A server that is still starting has said nothing final, however its log is cut.
func TestGaveUp(t *testing.T) {
	t.Parallel()
	for log, want := range map[string]bool{
		"":                               false,
		"LOG:  starting PostgreSQL 15\n": false,
		"FATAL:  the database system is starting up\n":                                                 false,
		"FATAL:  the database system is not yet accepting connections\nDETAIL:  Consistent\n":          false,
		"FATAL:  the database system is in recovery mode\n":                                            false,
		"FATAL:  the database system is startin":                                                       false,
		"FATAL:  lock file \"postmaster.pid\" already exists\nHINT:  Is another postmaster running?\n": true,
		"FATAL:  could not create shared memory segment":                                               false, // not whole yet
		"LOG:  x\nFATAL:  could not create shared memory segment\nDETAIL:  y\nHINT:  z\n":              true,
		"LOG:  database system is shut down\n":                                                         true,
	} {
		require.Equal(t, want, gaveUp([]byte(log)), "%q", log)
	}
}
