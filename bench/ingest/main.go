package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// budget is how long all may take.
const budget = 44 * time.Minute

func main() {
	log.SetFlags(log.Ltime)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// run starts and stops everything. Whatever is started ends with it, also after Ctrl-C.
func run() (err error) {
	uninterrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(uninterrupted, budget, fmt.Errorf("not finished within %s: set BENCH_EVENTS to less", budget))
	defer cancel()

	p, err := planFromEnvironment()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp(cmp.Or(os.Getenv("BENCH_DATA"), "/var/tmp"), "mirrorball-bench-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for the data: %w", err)
	}
	defer os.RemoveAll(folder)
	// The server may run as another user, who has to get to its folder.
	if err := os.Chmod(folder, 0o755); err != nil {
		return fmt.Errorf("cannot open the folder of the data: %w", err)
	}
	s, err := startServer(ctx, filepath.Join(folder, "postgres"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()

	b := &bench{plan: p, server: s, report: newReport(), binary: &program{
		path: "bin/mirrorball", data: folder,
		configs: append([]string{"examples/local.yaml"}, strings.Fields(os.Getenv("BENCH_CONFIG"))...),
	}}
	machine, err := describeMachine(ctx, &database{name: "mirrorball", dsn: s.dsn})
	if err != nil {
		return err
	}
	log.Print(machine)
	began := time.Now()
	failed := b.all(ctx)
	switch {
	case uninterrupted.Err() != nil: // the results of an earlier run stay
		return context.Cause(uninterrupted)
	case ctx.Err() != nil:
		failed = errors.Join(context.Cause(ctx), failed)
	}
	fmt.Printf("%s\n%s, %d events to a run, %d rounds, %s in all\n\n", machine, began.UTC().Format(time.DateTime),
		p.run()*spansPerRequest, p.rounds, time.Since(began).Round(time.Second))
	if err := b.report.print(os.Stdout); err != nil {
		return err
	}
	if p.only != "" {
		return failed // the results of a whole run stay
	}
	return errors.Join(failed, b.report.save("bench/results.json"))
}

func planFromEnvironment() (plan, error) {
	events, err1 := number("BENCH_EVENTS", 8_000_000)
	keys, err2 := number("BENCH_KEYS", 10_000)
	senders, err3 := number("BENCH_SENDERS", 64)
	rounds, err4 := number("BENCH_ROUNDS", 3)
	away, err5 := time.ParseDuration(cmp.Or(os.Getenv("BENCH_AWAY"), "2m"))
	p := plan{events: events, keys: keys, senders: senders, rounds: rounds, away: away, only: os.Getenv("BENCH_ONLY")}
	return p, errors.Join(err1, err2, err3, err4, err5, p.check())
}

func number(variable string, otherwise int) (int, error) {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("cannot read %s: %q is no whole number", variable, text)
	}
	return n, nil
}
