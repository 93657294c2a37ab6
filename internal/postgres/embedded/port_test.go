package embedded

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPortsAreOfferedOnce(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 500 {
		port, err := FreePort()
		require.NoError(t, err)
		require.Falsef(t, seen[port], "port %d was offered twice", port)
		seen[port] = true
		server, err := serverPorts.choose()
		require.NoError(t, err)
		require.Falsef(t, seen[server], "port %d of a server was offered before", server)
		seen[server] = true
	}
}
