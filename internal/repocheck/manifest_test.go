package repocheck

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each component folder is in the builder manifest, and has the files that every component has.
func TestEveryComponentIsBuilt(t *testing.T) {
	t.Parallel()
	manifest, err := os.ReadFile("../../builder-config.yaml")
	require.NoError(t, err)
	folders, err := filepath.Glob("../../[rpe]*/*[a-z]/factory.go")
	require.NoError(t, err)
	require.Len(t, folders, 8)
	for _, f := range folders {
		dir := filepath.Dir(f)
		name, err := filepath.Rel("../..", dir)
		require.NoError(t, err)
		require.Contains(t, string(manifest), "import: "+module+"/"+filepath.ToSlash(name)+"\n")
		for _, file := range []string{"config.go", "doc.go", "metadata.yaml", "README.md", "testdata/config.yaml"} {
			require.FileExists(t, filepath.Join(dir, file))
		}
	}
}

// The versions of Collector modules in the manifest and in go.mod agree.
func TestManifestVersionsAgreeWithGoMod(t *testing.T) {
	t.Parallel()
	manifest, err := os.ReadFile("../../builder-config.yaml")
	require.NoError(t, err)
	gomod, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	required := map[string]string{}
	for line := range strings.Lines(string(gomod)) {
		if fields := strings.Fields(line); len(fields) >= 2 {
			required[fields[0]] = fields[1]
		}
	}
	for line := range strings.Lines(string(manifest)) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "- gomod:"))
		if len(fields) == 2 && required[fields[0]] != "" {
			require.Equal(t, required[fields[0]], fields[1], fields[0])
		}
	}
}

// Every folder with Go code says what it is for, in one place.
func TestEveryPackageHasOneComment(t *testing.T) {
	t.Parallel()
	comments := map[string]int{}
	require.NoError(t, filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "_build" || d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "data") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "generated_") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dir := filepath.Dir(path)
		if strings.Contains("\n"+string(text), "\n// Package ") || strings.Contains("\n"+string(text), "\n// Command ") {
			comments[dir]++
		} else {
			comments[dir] += 0
		}
		return nil
	}))
	for dir, n := range comments {
		require.Equalf(t, 1, n, "%s has %d package comments", dir, n)
	}
}
