// Package repocheck holds the tests that keep the shape of the repository: who may import whom, one package
// comment to a folder, a builder manifest that lists each component, documentation that names every attribute.
package repocheck
