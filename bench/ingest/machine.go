package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// describeMachine says in one line what the figures were measured on.
func describeMachine(ctx context.Context, db *database) (string, error) {
	version, err := db.number(ctx, "SELECT current_setting('server_version_num')::bigint")
	if err != nil {
		return "", err
	}
	memory, err := totalMemory()
	if err != nil {
		return "", err
	}
	line := fmt.Sprintf("%d processors, %.0f GiB, PostgreSQL %d.%d, %s", runtime.NumCPU(), float64(memory)/(1<<30),
		version/10_000, version%10_000, runtime.Version())
	load, err := loadAverage()
	if err != nil {
		return "", err
	}
	if load > float64(runtime.NumCPU())/4 {
		line += fmt.Sprintf("; NOT IDLE, the load was %.1f before the start: figures are too low, and ratios may be off", load)
	}
	return line, nil
}

// loadAverage is that of the last minute.
func loadAverage() (float64, error) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, fmt.Errorf("cannot read the load of the machine: %w", err)
	}
	first, _, _ := strings.Cut(string(text), " ")
	return strconv.ParseFloat(first, 64)
}

// totalMemory of the machine in bytes.
func totalMemory() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("cannot read the memory of the machine: %w", err)
	}
	fields := strings.Fields(string(text)) // MemTotal: 24689632 kB
	if len(fields) < 2 {
		return 0, fmt.Errorf("cannot read the memory of the machine")
	}
	kB, err := strconv.ParseInt(fields[1], 10, 64)
	return kB << 10, err
}
