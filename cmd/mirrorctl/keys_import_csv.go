package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strings"

	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Bounds of a file.
const (
	maxImportRows  = 1_000_000
	maxImportBytes = 1 << 30
)

// Columns of a file, and those that it cannot do without.
var (
	importColumns   = []string{"email", "organization", "environment", "fingerprint", "hint", "name"}
	requiredColumns = importColumns[:4]
	// secretColumns are what a column with keys may be called.
	secretColumns = []string{"key", "api_key", "apikey", "raw_key", "secret", "token"}
)

const noRawKeys = "keys must not be in a file: replace each by its SHA-256 in hex, in a column `fingerprint` (printf %s \"$KEY\" | sha256sum), and delete the file that has them"

// readImport reads a file line by line. It goes on after a line that is wrong, and ends after one that leaves unclear where
// the next one begins.
func readImport(r io.Reader) iter.Seq2[accounts.Import, error] {
	return func(yield func(accounts.Import, error) bool) {
		lines := csv.NewReader(withoutMark(io.LimitReader(r, maxImportBytes)))
		lines.ReuseRecord = true
		columns, err := readHeader(lines)
		if err != nil {
			yield(accounts.Import{}, err)
			return
		}
		for n := 1; ; n++ {
			cells, err := lines.Read()
			switch {
			case errors.Is(err, io.EOF):
				if lines.InputOffset() >= maxImportBytes {
					yield(accounts.Import{}, fmt.Errorf("the file has more than %d bytes: split it", maxImportBytes))
				}
				return
			case n > maxImportRows:
				yield(accounts.Import{}, fmt.Errorf("the file has more than %d lines: split it", maxImportRows))
				return
			case err != nil && !errors.Is(err, csv.ErrFieldCount):
				yield(accounts.Import{}, fmt.Errorf("cannot read the file as CSV: %w", err))
				return
			}
			line, _ := lines.FieldPos(0)
			if !yield(readRow(columns, cells, line)) {
				return
			}
		}
	}
}

// withoutMark leaves out the mark that some programs begin a UTF-8 file with.
func withoutMark(r io.Reader) io.Reader {
	b := bufio.NewReader(r)
	if start, _ := b.Peek(3); bytes.Equal(start, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3)
	}
	return b
}

var aColumn = regexp.MustCompile(`^[a-z_ ]{1,30}$`)

// readHeader returns the names of the columns. A header that is missing may be a line with anything in it: only what looks like
// a name is repeated.
func readHeader(lines *csv.Reader) ([]string, error) {
	cells, err := lines.Read()
	if err != nil {
		return nil, fmt.Errorf("cannot read the header line of the file, which must be %s: %w", strings.Join(importColumns, ","), err)
	}
	columns := make([]string, len(cells))
	for i, cell := range cells {
		name := strings.ToLower(strings.TrimSpace(cell))
		switch {
		case slices.Contains(secretColumns, name):
			return nil, fmt.Errorf("line 1 has a column %s: %s", name, noRawKeys)
		case slices.Contains(columns, name):
			return nil, fmt.Errorf("line 1 has the column %s twice", name)
		case !slices.Contains(importColumns, name):
			if !aColumn.MatchString(name) {
				name = "that has no name"
			}
			return nil, fmt.Errorf("line 1 has a column %s as number %d; there are %s, with commas between them", name, i+1, strings.Join(importColumns, ", "))
		}
		columns[i] = name
	}
	for _, name := range requiredColumns {
		if !slices.Contains(columns, name) {
			return nil, fmt.Errorf("line 1 has no column %s", name)
		}
	}
	return columns, nil
}

// readRow reads one line; what is in its fields is checked by whoever imports it.
func readRow(columns, cells []string, line int) (accounts.Import, error) {
	row := accounts.Import{Line: line}
	if len(cells) != len(columns) {
		return row, fmt.Errorf("line %d has %d fields instead of %d: a field with a comma in it needs quotes", line, len(cells), len(columns))
	}
	for i, cell := range cells {
		cell = strings.Clone(strings.TrimSpace(cell))
		if _, found := apikey.Redact(cell); found {
			return row, fmt.Errorf("line %d: %s: holds a key; %s", line, columns[i], noRawKeys)
		}
		switch columns[i] {
		case "email":
			row.Email = cell
		case "organization":
			row.Organization = cell
		case "environment":
			row.Environment = cell
		case "hint":
			row.Hint = cell
		case "name":
			row.Name = cell
		case "fingerprint":
			var err error
			if row.Fingerprint, err = apikey.ParseFingerprint(cell); err != nil {
				return row, fmt.Errorf("line %d: fingerprint: is not 64 hex digits, the SHA-256 of a key", line)
			}
		}
	}
	return row, nil
}
