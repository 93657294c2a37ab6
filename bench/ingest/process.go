package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// memory of a process in bytes, from /proc: resident now, and the most since the last call of resetPeak.
type memory struct{ now, peak int64 }

func memoryOf(pid int) (m memory, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, fmt.Errorf("cannot read the memory of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if name != "VmRSS" && name != "VmHWM" || len(fields) != 2 || fields[1] != "kB" {
			continue
		}
		kB, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return m, fmt.Errorf("cannot read the memory of process %d: %w", pid, err)
		}
		if name == "VmRSS" {
			m.now = kB << 10
		} else {
			m.peak = kB << 10
		}
	}
	return m, nil
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }

// resetPeak makes the peak count from now (proc(5), clear_refs).
func resetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// ticksPerSecond is USER_HZ, which is 100 on all architectures that Linux gives to user space.
const ticksPerSecond = 100

// cpuOf is the processor time that a process, its children, and the children that have ended have used: for Postgres,
// that is the whole server.
func cpuOf(pid int) (time.Duration, error) {
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err // the pattern is wrong
	}
	var ticks int64
	found := false
	for _, path := range all {
		stat, err := readStat(path)
		switch {
		case err != nil: // it has ended meanwhile, and its parent counts it
		case stat.pid == int64(pid):
			ticks += stat.own + stat.ended
			found = true
		case stat.parent == int64(pid):
			ticks += stat.own + stat.ended
		}
	}
	if !found {
		return 0, fmt.Errorf("cannot read the processor time of process %d: there is none", pid)
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// stat is a part of /proc/<pid>/stat; times are in ticks.
type stat struct{ pid, parent, own, ended int64 }

// readStat finds the fields by their numbers in proc(5). The second, the program's name in parentheses, may hold spaces.
func readStat(path string) (s stat, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	pid, _, _ := bytes.Cut(text, []byte(" "))
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return s, fmt.Errorf("cannot read %s: too short", path)
	}
	field := func(number int) int64 {
		n, failed := strconv.ParseInt(string(fields[number-3]), 10, 64)
		err = errors.Join(err, failed)
		return n
	}
	if s.pid, err = strconv.ParseInt(string(pid), 10, 64); err != nil {
		return s, err
	}
	s.parent, s.own, s.ended = field(4), field(14)+field(15), field(16)+field(17)
	return s, err
}

// ownCPU is the processor time of this process, the load generator.
func ownCPU() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
