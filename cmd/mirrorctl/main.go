// Command mirrorctl is the operator's tool: users, organisations and keys, proof of the statistics, and a demo.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Exit codes. A script can tell "the statistics differ" from "could not look".
const (
	exitFailed   = 1
	exitCouldNot = 2
)

// exitError carries the code that the process ends with; a nil err has been told already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}
func (e *exitError) Unwrap() error { return e.err }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program, and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{exitFailed, err}
	}
	if exit.err != nil {
		// What was typed may be repeated in an error, and may have been a key.
		text, _ := apikey.Redact(exit.err.Error())
		fmt.Fprintln(stderr, "mirrorctl:", text)
	}
	return exit.code
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "mirrorctl",
		Short: "The operator's tool of Mirrorball",
		Long: `The operator's tool of Mirrorball.

All commands but demo speak to the database: the one that DATABASE_URL names, else the embedded one of the collector that
runs on the data folder (MIRRORBALL_DATA, by default ./data). What they change and show stands in the trail, by "operator".`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          help,
	}
	data := root.PersistentFlags().String("data", envOr("MIRRORBALL_DATA", "./data"), "data folder of the collector (MIRRORBALL_DATA)")
	root.AddCommand(usersCommand(data), orgsCommand(data), keysCommand(data), trailCommand(data), reconcileCommand(data), demoCommand(data), versionCommand())
	return root
}

// help answers a command that only has subcommands; with it, an unknown subcommand is an error.
func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// envOr is an environment variable, or the default when it is unset or empty.
func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
