package embedded

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
)

// elsewhere is where a server goes whose folder the user that it runs as cannot reach.
const elsewhere = "/var/lib/mirrorball"

// prepareFolder makes the folder, gives it to the account and makes sure that nobody else uses it.
func (s *Server) prepareFolder() error {
	if err := os.MkdirAll(s.cfg.Folder, 0o700); err != nil {
		return fmt.Errorf("cannot create the folder of the server: %w", err)
	}
	folder, err := filepath.EvalSymlinks(s.cfg.Folder)
	if err != nil {
		return fmt.Errorf("cannot find the folder of the server: %w", err)
	}
	s.cfg.Folder = folder
	if err := s.account.own(folder); err != nil {
		return fmt.Errorf("cannot give the folder of the server to the user it runs as: %w", err)
	}
	if !s.account.mayEnter(folder) {
		if err := s.move(); err != nil {
			return fmt.Errorf("the user that Postgres runs as may not enter %s, because a folder above it is closed to others: %w", folder, err)
		}
	}
	if s.lock, err = lock(filepath.Join(s.cfg.Folder, "lock")); err != nil {
		return fmt.Errorf("cannot lock %s: %w", s.cfg.Folder, err)
	}
	return nil
}

// move puts a link to a reachable folder in the place of an empty one, for a collector that runs as root below a folder
// such as /root.
func (s *Server) move() error {
	target := filepath.Join(elsewhere, rand.Text())
	if err := os.MkdirAll(elsewhere, 0o711); err != nil {
		return err
	}
	if err := os.Mkdir(target, 0o700); err != nil {
		return err
	}
	if err := s.account.own(target); err != nil {
		return err
	}
	if err := os.Remove(s.cfg.Folder); err != nil { // fails when it is not empty
		return err
	}
	if err := os.Symlink(target, s.cfg.Folder); err != nil {
		return err
	}
	s.cfg.Folder = target
	return nil
}
