package postgres

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// minPepper is what a pepper of an operator's own making has to have, in bytes.
const minPepper = 16

// NewPepper takes a pepper as text, as it stands in a file or variable.
func NewPepper(text string) (Pepper, error) {
	text = strings.TrimSpace(text)
	if len(text) < minPepper {
		return nil, fmt.Errorf("`pepper` is shorter than %d characters", minPepper)
	}
	return Pepper(text), nil
}

// PepperFile is where a collector keeps the pepper that it made, within its data folder.
func PepperFile(folder string) string { return filepath.Join(folder, "pepper") }

// ReadPepper reads the pepper of a data folder. It fails with fs.ErrNotExist when there is none.
func ReadPepper(folder string) (Pepper, error) {
	text, err := os.ReadFile(PepperFile(folder))
	if err != nil {
		return nil, fmt.Errorf("cannot read the pepper: %w", err)
	}
	return NewPepper(string(text))
}

// MakePepper reads the pepper of a data folder, or makes one at first.
func MakePepper(folder string) (Pepper, error) {
	p, err := ReadPepper(folder)
	if !errors.Is(err, fs.ErrNotExist) {
		return p, err
	}
	// Written aside and linked: the file is never half there, and of two processes that start at once one makes it.
	text := rand.Text() + rand.Text()
	aside, err := os.CreateTemp(folder, "pepper-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("cannot keep a new pepper: %w", err)
	}
	defer os.Remove(aside.Name())
	_, err = aside.WriteString(text + "\n")
	if err = errors.Join(err, aside.Sync(), aside.Close()); err != nil {
		return nil, fmt.Errorf("cannot keep a new pepper: %w", err)
	}
	if err := os.Link(aside.Name(), PepperFile(folder)); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("cannot keep a new pepper: %w", err)
	}
	return ReadPepper(folder)
}
