package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const stateFile = "demo.json"

// state is what a later run needs to know. It holds customers' keys, so its file is readable for its owner only.
type state struct {
	Seed uint64 `json:"seed"`
	// Start is the first day; together with Seed it decides all traffic.
	Start time.Time `json:"start"`
	// SentUntil is where the past that has been sent ends.
	SentUntil time.Time           `json:"sent_until"`
	Accounts  map[string]*account `json:"accounts"` // by e-mail
}

// account is what the demo has of one registered user.
type account struct {
	Key            string `json:"key"`
	UserID         string `json:"user_id"`
	OrganizationID string `json:"organization_id"`
	// Agents and Services are the newest that the user has made; see keepNewest.
	Agents   []string `json:"agents,omitempty"`
	Services []string `json:"services,omitempty"`
}

func newState(seed uint64, days int, now time.Time) *state {
	start := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -days)
	return &state{Seed: seed, Start: start, SentUntil: start, Accounts: map[string]*account{}}
}

// loadState returns nil when the demo has not run on this folder.
func loadState(data string) (*state, error) {
	path := filepath.Join(data, stateFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the demo's state: %w", err)
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil || s.Accounts == nil {
		return nil, fmt.Errorf("cannot read the demo's state: %s is damaged; delete it and the demo starts anew, with new users", path)
	}
	return &s, nil
}

// save replaces the file as a whole, so that a crash leaves the old one or the new one.
func (s *state) save(data string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = replaceFile(filepath.Join(data, stateFile), text)
	}
	if err != nil {
		return fmt.Errorf("cannot save the demo's state: %w", err)
	}
	return nil
}

func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".demo-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// maxKept bounds the agents and services of an account that are used again.
const maxKept = 40

// keepNewest appends id and forgets the oldest beyond maxKept.
func keepNewest(ids []string, id string) []string {
	ids = append(ids, id)
	if extra := len(ids) - maxKept; extra > 0 {
		ids = append(ids[:0], ids[extra:]...)
	}
	return ids
}
