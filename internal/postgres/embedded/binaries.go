package embedded

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNoBinaries is returned by [FindBinaries] when the machine has no Postgres server.
var ErrNoBinaries = errors.New("no Postgres server on this machine: neither /usr/lib/postgresql/*/bin nor PATH has initdb and postgres")

// FindBinaries is the folder with the newest Postgres server of the machine: Debian keeps them off PATH, others
// put them on it.
func FindBinaries() (string, error) { return findBinaries("") }

// findBinaries prefers a major version; empty: the newest.
func findBinaries(version string) (string, error) {
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err // the pattern is wrong
	}
	slices.SortFunc(folders, func(a, b string) int { return majorVersion(b) - majorVersion(a) })
	if version != "" {
		folders = append([]string{filepath.Join("/usr/lib/postgresql", version, "bin")}, folders...)
	}
	for _, folder := range folders {
		if hasServer(folder) {
			return folder, nil
		}
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil && hasServer(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	return "", ErrNoBinaries
}

func majorVersion(folder string) int {
	v, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	if err != nil {
		return 0
	}
	return v
}

func hasServer(folder string) bool {
	for _, program := range []string{"initdb", "postgres", "pg_ctl"} {
		if info, err := os.Stat(filepath.Join(folder, program)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

func (s *Server) findBinaries() (err error) {
	if s.cfg.Binaries != "" {
		return nil
	}
	// A cluster that exists already belongs to one major version.
	version, _ := os.ReadFile(filepath.Join(s.data(), "PG_VERSION"))
	s.cfg.Binaries, err = findBinaries(strings.TrimSpace(string(version)))
	if errors.Is(err, ErrNoBinaries) && s.cfg.Download {
		s.cfg.Binaries, err = Download(filepath.Join(s.cfg.Folder, "programs"))
	}
	return err
}
