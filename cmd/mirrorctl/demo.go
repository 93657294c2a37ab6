package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/disco-platform/mirrorball/internal/demo"
)

// maxDays keeps the demo's past within the window that the collector accepts.
const maxDays = 89

func demoCommand(data *string) *cobra.Command {
	var opts demo.Options
	var seconds int
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Fill a local collector with the usage of an invented platform",
		Long: `Fill a local collector with the usage of an invented platform.

A Disco API server starts on a loopback port, and a fleet of customers calls it through the Disco SDK: first 60 days of
the past in a minute or two, then live traffic until Ctrl-C. All of it goes through the real SDK, middleware and OTLP.

The demo keeps its users in demo.json of the data folder. Run again, it sends what is missing since, and goes on.`,
		Example: `  bin/mirrorball --config examples/local.yaml &
  bin/mirrorctl demo --seconds 30`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("seconds") {
				var err error
				if seconds, err = secondsFromEnvironment(); err != nil {
					return err
				}
			}
			if seconds < 0 {
				return errors.New("--seconds must be 0 (until interrupted) or more")
			}
			if opts.Days < 1 || opts.Days > maxDays {
				return fmt.Errorf("--days must be 1 to %d: the collector accepts no older events", maxDays)
			}
			opts.Data, opts.Live, opts.Out = *data, time.Duration(seconds)*time.Second, cmd.OutOrStdout()
			ignoreOptOut()
			return demo.Run(cmd.Context(), opts)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.API, "api", addressOf("MIRRORBALL_API_PORT", "8080"), "analytics API of the collector (MIRRORBALL_HOST, MIRRORBALL_API_PORT)")
	f.StringVar(&opts.OTLP, "otlp", addressOf("MIRRORBALL_OTLP_HTTP_PORT", "4318"), "OTLP/HTTP receiver of the collector (MIRRORBALL_OTLP_HTTP_PORT)")
	f.StringVar(&opts.Events, "events", addressOf("MIRRORBALL_EVENTS_PORT", "4319"), "CloudEvents receiver of the collector (MIRRORBALL_EVENTS_PORT)")
	f.IntVar(&opts.Days, "days", 60, "days of the past")
	f.IntVar(&seconds, "seconds", 0, "seconds of live traffic; 0 is until interrupted (DEMO_SECONDS)")
	f.Uint64Var(&opts.Seed, "seed", 1, "decides users and traffic, on the first run on a data folder")
	return cmd
}

// addressOf is where a collector with examples/local.yaml and the same environment listens.
func addressOf(portVariable, port string) string {
	return "http://" + envOr("MIRRORBALL_HOST", "127.0.0.1") + ":" + envOr(portVariable, port)
}

func secondsFromEnvironment() (int, error) {
	text := envOr("DEMO_SECONDS", "0")
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("DEMO_SECONDS is %q: it must be a whole number of seconds", text)
	}
	return n, nil
}

// ignoreOptOut removes what would switch off the SDK of the invented customers: nobody real is tracked, and telemetry
// is all that the demo is for.
func ignoreOptOut() {
	for _, name := range []string{"DISCO_TELEMETRY", "DO_NOT_TRACK", "OTEL_SDK_DISABLED"} {
		_ = os.Unsetenv(name)
	}
}
