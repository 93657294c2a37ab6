package embedded

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// Download fetches a Postgres server into a folder, unless it is there already, and returns the folder of its programs. It
// takes some 15 MB from repo1.maven.org, whose checksum is compared.
func Download(folder string) (string, error) {
	programs := filepath.Join(folder, "bin")
	if hasServer(programs) {
		return programs, nil
	}
	port, err := FreePort()
	if err != nil {
		return "", err
	}
	trial, err := os.MkdirTemp("", "mirrorball-download-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(trial)
	// The library cannot fetch without starting a server; that start fails for root, after the fetching.
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().Port(uint32(port)).Logger(io.Discard).
		CachePath(trial).RuntimePath(filepath.Join(trial, "run")).DataPath(filepath.Join(trial, "data")).BinariesPath(folder))
	startErr := server.Start()
	if startErr == nil {
		if err := server.Stop(); err != nil {
			return "", fmt.Errorf("cannot stop the downloaded Postgres after its trial: %w", err)
		}
	}
	if !hasServer(programs) {
		return "", fmt.Errorf("cannot download Postgres: %w", startErr)
	}
	return programs, nil
}
