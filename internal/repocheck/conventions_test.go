package repocheck

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/conventions.md lists each name of usageconv, in backticks.
func TestConventionsAreDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/conventions.md")
	require.NoError(t, err)
	file, err := parser.ParseFile(token.NewFileSet(), "../../sdkinstrumentation/usageconv/usageconv.go", nil, 0)
	require.NoError(t, err)
	names := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		require.Contains(t, string(doc), "`"+value, "%s is not in docs/conventions.md", spec.Names[0])
		names++
		return true
	})
	require.Greater(t, names, 50)
}
