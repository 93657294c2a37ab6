package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/accounts"
)

// Fingerprints of "one", "two" and "three", by sha256sum.
const (
	oneSHA   = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
	twoSHA   = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
	threeSHA = "8b5b9db0c13db24256c829aa364aa90c6d2eba318b9232a4ab9313b954d3555f"
)

func TestImport(t *testing.T) {
	o := newOperator(t)
	path := filepath.Join(t.TempDir(), "keys.csv")
	text := "\ufeffFingerprint, email,organization,environment,name,hint\r\n" +
		oneSHA + ",ada@example.com,\"Engines, \"\"Analytical\"\"\",live,billing,…0001\r\n" +
		"\r\n" +
		strings.ToUpper(twoSHA) + ",bob@example.com,\"Engines, \"\"Analytical\"\"\",sandbox,,\r\n" +
		oneSHA + ",ada@example.com,\"Engines, \"\"Analytical\"\"\",live,billing,…0001\r\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))

	var done importedView
	o.json(&done, "keys", "import", path)
	require.Equal(t, importedView{Users: 2, Keys: 2, Known: 1}, done)
	before := o.table("keys", "list")
	require.Regexp(t, `(?m)^key_\w+ +…0001 +usr_\w+ +ada@example.com +Engines, "Analytical" +live .* billing$`, before)
	require.Regexp(t, `(?m)^key_\w+ +- +usr_\w+ +bob@example.com +Engines, "Analytical" +sandbox .* -$`, before)
	require.Equal(t, "imported 0 keys and made 0 users; 3 lines have keys that were there already\n", o.table("keys", "import", path))
	require.Equal(t, before, o.table("keys", "list"), "importing again changes nothing")

	// One bad line among good ones, and nothing is imported.
	text += threeSHA + ",eve@example.com,Looms,live,,\nabc,eve@example.com,Looms,live,,\n" + threeSHA + ",eve,Looms,moon,,\n"
	var stdout, stderr bytes.Buffer
	root := newRoot()
	root.SetArgs([]string{"keys", "import", "-", "--data", o.data})
	root.SetIn(strings.NewReader(text))
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	err := root.ExecuteContext(context.Background())
	require.EqualError(t, err, "cannot import keys: line 7: fingerprint: is not 64 hex digits, the SHA-256 of a key\n"+
		"line 8: email: is not a plain address such as ada@example.com; environment: must be one of sandbox, live")
	require.Equal(t, before, o.table("keys", "list"))
	o.refused(exitFailed, "no such file", "keys", "import", path+".none")
}

func TestImportFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	const header = "email,organization,environment,fingerprint\n"
	for name, c := range map[string]struct{ file, want string }{
		"empty":            {"", "cannot read the header line of the file, which must be email,organization,environment,fingerprint,hint,name: EOF"},
		"no header":        {"ada@example.com,Engines,live," + oneSHA + "\n", "line 1 has a column that has no name as number 1; there are email, organization"},
		"semicolons":       {"email;organization;environment;fingerprint\n", "line 1 has a column that has no name as number 1; there are email, organization, environment, fingerprint, hint, name, with commas between them"},
		"unknown column":   {"email,organization,environment,fingerprint,phone\n", "line 1 has a column phone as number 5"},
		"missing column":   {"email,environment,fingerprint\n", "line 1 has no column organization"},
		"column twice":     {"email,email\n", "line 1 has the column email twice"},
		"column of keys":   {"email,organization,environment,API_Key\n", `line 1 has a column api_key: keys must not be in a file: replace each by its SHA-256 in hex, in a column ` + "`fingerprint`" + ` (printf %s "$KEY" | sha256sum)`},
		"key":              {header + "ada@example.com,Engines,live,dk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV2Emexu\n", "line 2: fingerprint: holds a key; keys must not be in a file"},
		"key elsewhere":    {header + "ada@example.com,my dk_live_0123456789ABCDEFGHIJKLMNOPQRSTUV2Emexu,live," + oneSHA + "\n", "line 2: organization: holds a key"},
		"hex of odd parts": {header + "ada@example.com,Engines,live," + strings.Repeat("g", 64) + "\n", "line 2: fingerprint: is not 64 hex digits"},
		"too few fields":   {header + "ada@example.com,live," + oneSHA + "\n", "line 2 has 3 fields instead of 4"},
		"open quote":       {header + "\"ada@example.com,live," + oneSHA + "\n", "cannot read the file as CSV"},
		"stray quote":      {header + "ada\"@example.com,Engines,live," + oneSHA + "\n", "cannot read the file as CSV: parse error on line 2, column 4"},
		"line after lines": {header + "\"ada@example.com\",\"En\ngines\",live," + oneSHA + "\nbob@example.com,Engines,live,x\n", "line 4: fingerprint"},
	} {
		var errs []string
		for _, err := range readImport(strings.NewReader(c.file)) {
			if err != nil {
				errs = append(errs, err.Error())
			}
		}
		require.Len(t, errs, 1, name)
		require.Contains(t, errs[0], c.want, name)
		require.NotContains(t, errs[0], "0123456789ABCDEF", name)
	}
}

func TestImportReadsWhatIsThere(t *testing.T) {
	t.Parallel()
	var rows []accounts.Import
	for row, err := range readImport(strings.NewReader("name,fingerprint,environment,organization,email\n billing , " + oneSHA + ",live,Engines,ada@example.com\n")) {
		require.NoError(t, err)
		rows = append(rows, row)
	}
	require.Len(t, rows, 1)
	require.Equal(t, oneSHA, rows[0].Fingerprint.String())
	rows[0].Fingerprint = [32]byte{}
	require.Equal(t, accounts.Import{Line: 2, Email: "ada@example.com", Organization: "Engines", Environment: "live", Name: "billing"}, rows[0])
}

func TestImportIsBounded(t *testing.T) {
	t.Parallel()
	read := 0
	var last error
	for _, err := range readImport(&endlessFile{}) {
		if last = err; err == nil {
			read++
		}
	}
	require.Equal(t, maxImportRows, read)
	require.ErrorContains(t, last, "more than 1000000 lines: split it")
}

// endlessFile is a header and then lines without an end.
type endlessFile struct{ lines int }

func (e *endlessFile) Read(p []byte) (int, error) {
	e.lines++
	if e.lines == 1 {
		return copy(p, "email,organization,environment,fingerprint\n"), nil
	}
	return copy(p, fmt.Sprintf("a@example.com,O,live,%064d\n", e.lines)), nil
}
