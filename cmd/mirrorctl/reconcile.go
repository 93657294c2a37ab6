package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/usage"
)

func reconcileCommand(data *string) *cobra.Command {
	var from, to string
	var cfg postgres.ReconcileConfig
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Compare the statistics with a recount of the events",
		Long: `Compare the statistics with a recount of the events, figure by figure, in one snapshot of the database. Collectors may go
on writing meanwhile.

Exit code 0: equal. 1: they differ, and the differences are printed. 2: the comparison could not be made.`,
		Example: `  mirrorctl reconcile
  mirrorctl reconcile --from 2026-03-01 --to 2026-03-08`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if cfg.From, err = dayOf("--from", from); err != nil {
				return &exitError{exitCouldNot, err}
			}
			if cfg.To, err = dayOf("--to", to); err != nil {
				return &exitError{exitCouldNot, err}
			}
			db, err := openDatabase(cmd.Context(), *data)
			if err != nil {
				return &exitError{exitCouldNot, err}
			}
			defer db.Close()
			report, err := postgres.Reconcile(cmd.Context(), db, cfg)
			if err != nil {
				return &exitError{exitCouldNot, err}
			}
			if err := printReport(cmd.OutOrStdout(), report); err != nil {
				return &exitError{exitCouldNot, err}
			}
			if !report.Equal() {
				return &exitError{exitFailed, nil}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "first day to compare, in UTC, such as 2026-03-01; default: the oldest")
	f.StringVar(&to, "to", "", "day to stop before; default: after the newest")
	f.IntVar(&cfg.MaxDifferences, "max", 100, "differences to print; all are counted")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exitError{exitCouldNot, err} })
	return cmd
}

func dayOf(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, fmt.Errorf("%s is %q: it must be a day such as 2026-03-01", flag, text)
	}
	return t, nil
}

func printReport(w io.Writer, r *postgres.Report) error {
	if r.Equal() {
		_, err := fmt.Fprintf(w, "equal: %d events, %d statistics rows, %d agent days\n", r.Events, r.Rows, r.Agents)
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "BUCKET\tKEY\tSEEN BY\tDIMENSION\tVALUE\tFIGURE\tSTORED\tCOUNTED")
	for i := range r.Differences {
		d := &r.Differences[i]
		fmt.Fprintln(t, strings.Join([]string{
			d.Bucket.Format("2006-01-02T15:04Z"), dash(d.Key), vantageName(d.Vantage), d.Dimension, dash(d.Value), d.Column,
			dash(d.Stored), dash(d.Counted),
		}, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "different: %d figures (%d shown), %d events, %d statistics rows\n", r.Total, len(r.Differences), r.Events, r.Rows)
	return err
}

func vantageName(v usage.Vantage) string {
	switch v {
	case usage.VantageServer:
		return "server"
	case usage.VantageClient:
		return "client"
	}
	return "-"
}
