// Command size prints what importing sdkinstrumentation adds to a program: packages, modules, bytes of the binary. Run it
// from the root of the repository:
//
//	go run ./bench/sdk/size
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "mirrorball-size-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for binaries: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fmt.Printf("%-10s %9s %9s %14s %14s\n", "program", "packages", "modules", "bytes", "stripped")
	for _, name := range []string{"http", "core", "pipeline", "otel"} {
		if err := measure(name, dir); err != nil {
			return err
		}
	}
	return nil
}

// measure prints the line of one program of sizeprobe. The standard library is one module, which is not counted.
func measure(name, dir string) error {
	probe := "./bench/sdk/sizeprobe/" + name
	packages, err := lines("list", "-deps", "-f", "{{.ImportPath}}", probe)
	if err != nil {
		return err
	}
	perPackage, err := lines("list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", probe)
	if err != nil {
		return err
	}
	modules := map[string]bool{}
	for _, m := range perPackage {
		modules[m] = m != ""
	}
	delete(modules, "")
	full, err := build(filepath.Join(dir, name), probe)
	if err != nil {
		return err
	}
	stripped, err := build(filepath.Join(dir, name), probe, "-ldflags=-s -w")
	if err != nil {
		return err
	}
	fmt.Printf("%-10s %9d %9d %14d %14d\n", name, len(packages), len(modules)-1, full, stripped) // less the probe's own
	return nil
}

func build(output, probe string, flags ...string) (int64, error) {
	if _, err := lines(append(append([]string{"build", "-o", output}, flags...), probe)...); err != nil {
		return 0, err
	}
	info, err := os.Stat(output)
	if err != nil {
		return 0, fmt.Errorf("cannot read the size of %s: %w", output, err)
	}
	return info.Size(), nil
}

func lines(args ...string) ([]string, error) {
	var stderr bytes.Buffer
	cmd := exec.Command("go", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("cannot run go %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"), nil
}
