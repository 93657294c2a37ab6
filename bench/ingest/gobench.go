package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/perf/benchfmt"
)

// benchmarks are the results of Go benchmarks: by name, without "Benchmark" and the number of processors, and unit.
type benchmarks map[string]map[string][]float64

// Units as benchfmt writes them.
const (
	seconds     = "sec/op"
	allocations = "allocs/op"
)

// goBench runs the benchmarks of one of this module's packages, all in turn and that several times.
func goBench(ctx context.Context, folder, pattern string, times int, each time.Duration) (benchmarks, error) {
	all := benchmarks{}
	for range times {
		out, err := goTest(ctx, "-run", "^$", "-bench", pattern, "-benchmem", "-benchtime", each.String(), folder)
		if err != nil {
			return nil, fmt.Errorf("cannot run the benchmarks of %s: %w", folder, err)
		}
		if err := all.read(bytes.NewReader(out)); err != nil {
			return nil, fmt.Errorf("cannot read the benchmarks of %s: %w", folder, err)
		}
	}
	return all, nil
}

func goTest(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test"}, args...)...)
	// The test binary is a grandchild: it ends with the group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s%s", err, lastLines(out, 10), lastLines(stderr.Bytes(), 10))
	}
	return out, nil
}

// read adds the results that go test printed.
func (b benchmarks) read(r io.Reader) error {
	reader := benchfmt.NewReader(r, "go test")
	for reader.Scan() {
		result, ok := reader.Result().(*benchfmt.Result)
		if !ok {
			continue // a unit's metadata, or a line that is none
		}
		base, parts := result.Name.Parts()
		name := string(base)
		for _, p := range parts {
			if p[0] == '/' { // the other part is "-2", the number of processors
				name += string(p)
			}
		}
		if b[name] == nil {
			b[name] = map[string][]float64{}
		}
		for _, v := range result.Values {
			b[name][v.Unit] = append(b[name][v.Unit], v.Value)
		}
	}
	return reader.Err()
}

// of returns the samples of a benchmark.
func (b benchmarks) of(name, unit string) ([]float64, error) {
	if samples := b[name][unit]; len(samples) > 0 {
		return samples, nil
	}
	return nil, fmt.Errorf("no benchmark %s with %s", name, unit)
}

// added is what one variant costs over plain, divided by what another costs over plain. Counts that were taken
// together are divided.
func (b benchmarks) added(group, variant, other, unit string) ([]float64, error) {
	plain, err1 := b.of(group+"/plain", unit)
	ours, err2 := b.of(group+"/"+variant, unit)
	theirs, err3 := b.of(group+"/"+other, unit)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	var ratios []float64
	for i := range min(len(plain), len(ours), len(theirs)) {
		ratios = append(ratios, (ours[i]-plain[i])/(theirs[i]-plain[i]))
	}
	return ratios, nil
}

func lastLines(text []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
