package usagestoreextension

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/disco-platform/mirrorball/internal/postgres"
)

// makeDataDir makes the folder. Others may pass through it, because an embedded server of a collector that runs as root
// is another user's; every file in it is closed to them.
func makeDataDir(folder string) error {
	if err := os.MkdirAll(folder, 0o711); err != nil {
		return fmt.Errorf("cannot create `data_dir`: %w", err)
	}
	return nil
}

// pepper is the configured one, else that of the data folder.
func (s *usageStore) pepper() (postgres.Pepper, error) {
	if s.config.Pepper != "" {
		return postgres.NewPepper(string(s.config.Pepper))
	}
	return postgres.MakePepper(s.config.DataDir)
}

// keepKey writes a key to a file of its own: the only place where its raw form ever stands.
func (s *usageStore) keepKey(name, raw string) error {
	path := filepath.Join(s.config.DataDir, name+".key")
	// A key of another database may stand there, and be the only copy.
	if err := os.Rename(path, path+"."+time.Now().UTC().Format("20060102T150405")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot put the %s key of another database aside: %w", name, err)
	}
	if err := writePrivate(path, []byte(raw+"\n")); err != nil {
		return fmt.Errorf("cannot keep the first %s key: %w", name, err)
	}
	s.logger.Info("The first "+name+" key was made; move it to where secrets are kept", zap.String("file", path))
	return nil
}

// serverFile tells mirrorctl where the embedded server is.
const serverFile = "server.json"

func (s *usageStore) noteServer(dsn string) error {
	text, err := json.Marshal(map[string]any{"dsn": dsn, "pid": os.Getpid()})
	if err != nil {
		return err // two plain values always encode
	}
	if err := writePrivate(filepath.Join(s.config.DataDir, serverFile), text); err != nil {
		return fmt.Errorf("cannot note the address of the embedded Postgres: %w", err)
	}
	return nil
}

func (s *usageStore) forgetServer() error {
	err := os.Remove(filepath.Join(s.config.DataDir, serverFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// writePrivate replaces a file as a whole; only the owner may read it.
func writePrivate(path string, text []byte) error {
	aside, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(aside.Name()) // gone already when all went well
	_, err = aside.Write(text)
	if err = errors.Join(err, aside.Sync(), aside.Close()); err != nil {
		return err
	}
	return os.Rename(aside.Name(), path)
}
