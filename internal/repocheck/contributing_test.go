package repocheck

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tree in CONTRIBUTING.md has a line for each package of internal.
func TestTreeHasEveryInternalPackage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../CONTRIBUTING.md")
	require.NoError(t, err)
	_, tree, _ := strings.Cut(string(text), "\ninternal/\n")
	tree, _, _ = strings.Cut(tree, "\ncmd/")
	var folders []string
	for line := range strings.Lines(tree) {
		folder, _, _ := strings.Cut(strings.TrimSpace(line), "/")
		folders = append(folders, folder)
	}
	entries, err := os.ReadDir("..")
	require.NoError(t, err)
	for _, e := range entries {
		if e.IsDir() {
			require.Contains(t, folders, e.Name())
		}
	}
}
