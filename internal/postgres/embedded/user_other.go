//go:build !unix

package embedded

import (
	"errors"
	"os"
	"os/exec"
)

type account struct{}

func serverAccount() (*account, error) {
	return nil, errors.New("an embedded Postgres needs a Unix system: set `dsn` to use a server")
}

func (*account) run(cmd *exec.Cmd) *exec.Cmd { return cmd }
func (*account) own(string) error            { return nil }
func (*account) mayEnter(string) bool        { return true }
func lock(path string) (*os.File, error)     { return os.Create(path) }
