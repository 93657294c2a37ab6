//go:build linux

package chaos

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// disk is a small file system in memory.
type disk struct{ folder string }

// errMayNotMount is returned where this process may not mount anything.
var errMayNotMount = errors.New("may not mount a tmpfs here: the full disk needs root")

// newDisk mounts a tmpfs of some MiB on an existing folder.
func newDisk(folder string, mebibytes int) (*disk, error) {
	err := syscall.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0755", mebibytes))
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		return nil, errMayNotMount
	}
	if err != nil {
		return nil, fmt.Errorf("cannot mount a tmpfs: %w", err)
	}
	return &disk{folder}, nil
}

// remove unmounts the disk, also while something still has a file open there.
func (d *disk) remove() { _ = syscall.Unmount(d.folder, syscall.MNT_DETACH) }

func (d *disk) ballast() string { return filepath.Join(d.folder, "ballast") }

// fill takes all space but a rest in bytes.
func (d *disk) fill(rest int64) error {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(d.folder, &stat); err != nil {
		return err
	}
	free := int64(stat.Bavail)*stat.Bsize - rest
	f, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyN(f, zeroes{}, max(free, 0))
	if errors.Is(err, syscall.ENOSPC) {
		return nil // Postgres was faster
	}
	return err
}

// free gives the space back.
func (d *disk) free() error { return os.Remove(d.ballast()) }

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
