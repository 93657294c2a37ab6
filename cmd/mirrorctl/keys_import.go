package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/disco-platform/mirrorball/internal/access"
)

// importedView counts what an import made, and what was there already.
type importedView struct {
	Users int `json:"users"`
	Keys  int `json:"keys"`
	Known int `json:"known"`
}

func keysImport(d *desk) *cobra.Command {
	cmd := d.command("import FILE.csv", "Register users with keys that exist elsewhere", func(s *session) error {
		file, err := openImport(s)
		if err != nil {
			return err
		}
		defer file.Close()
		done, err := s.ImportKeys(s.ctx, access.Operator, readImport(file))
		if err != nil {
			return err
		}
		v := importedView(done)
		return printDone(s, v, "imported %d keys and made %d users; %d lines have keys that were there already", v.Keys, v.Users, v.Known)
	})
	cmd.Long = `Register users with keys that exist elsewhere, from a CSV file (or - for standard input) with a header line:

  email,organization,environment,fingerprint,hint,name
  ada@example.com,Analytical Engines,live,873ce33c…7e4d85,dk_live_…Emexu,billing job

The fingerprint is the SHA-256 of the key in hex, by which the key is known from then on. The key itself must not be in the file:

  printf %s "$KEY" | sha256sum

hint (to tell keys apart by eye) and name (what the key is for) may be left out. Columns may stand in any order.

Lines with the same address and organisation are one user, lines with the same organisation one organisation; whoever comes first
manages it. A user or organisation that is there already is joined only through a key of it that the file has too: else accounts
of their own are made. All of the file is imported, or nothing. Importing it again changes nothing.

A key is looked up only if it has the form of Mirrorball's keys (dk_live_ or dk_test_, 32 letters and digits, and the checksum).`
	return cmd
}

func openImport(s *session) (io.ReadCloser, error) {
	if s.args[0] == "-" {
		return io.NopCloser(s.in), nil
	}
	file, err := os.Open(s.args[0])
	if err != nil {
		return nil, fmt.Errorf("cannot read the file: %w", err)
	}
	return file, nil
}
