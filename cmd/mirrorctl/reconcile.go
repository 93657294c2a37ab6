package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/disco-platform/mirrorball/internal/postgres"
	"github.com/disco-platform/mirrorball/internal/usage"
)

func reconcileCommand(data *string) *cobra.Command {
	var q reconcileQuestion
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Compare the statistics and the ledger with a recount of the events, and repair the statistics",
		Long: `Compare the statistics with a recount of the events, figure by figure, and the ledger of what was received with what is
stored, in one snapshot of the database. Collectors may go on writing meanwhile.

The ledger is compared as a whole, so not with --from or --to.

With --repair, what differs is replaced by what the events say, one key and day at a time, and printed. Collectors may go on
then, too. Days whose events have been dropped are left as they are, and so is the ledger.

Exit code 0: equal, or repaired. 1: they differ, and the differences are printed; with --repair, the ledger does. 2: the comparison or the repair could not be
made; what was repaired before that stays.`,
		Example: `  mirrorctl reconcile
  mirrorctl reconcile --from 2026-03-01 --to 2026-03-08
  mirrorctl reconcile --repair --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return q.answer(cmd, *data) },
	}
	f := cmd.Flags()
	f.StringVar(&q.from, "from", "", "first day to compare, in UTC, such as 2026-03-01; default: the oldest")
	f.StringVar(&q.to, "to", "", "day to stop before; default: after the newest")
	f.IntVar(&q.most, "max", 100, "differences to print; all are counted")
	f.BoolVar(&q.repair, "repair", false, "replace what differs by what the events say")
	f.BoolVar(&q.json, "json", false, "print JSON")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exitError{exitCouldNot, err} })
	return cmd
}

// reconcileQuestion is what is asked of the command.
type reconcileQuestion struct {
	from, to     string
	most         int
	repair, json bool
}

func (q *reconcileQuestion) answer(cmd *cobra.Command, data string) error {
	report, err := q.ask(cmd.Context(), data)
	if err == nil && q.json {
		err = printJSON(cmd.OutOrStdout(), report)
	} else if err == nil {
		err = printReport(cmd.OutOrStdout(), report, q.repair)
	}
	switch {
	case err != nil:
		return &exitError{exitCouldNot, err}
	case !report.LedgerEqual() || report.Total > 0 && !q.repair:
		return &exitError{exitFailed, nil}
	}
	return nil
}

func (q *reconcileQuestion) ask(ctx context.Context, data string) (*postgres.Report, error) {
	cfg := postgres.ReconcileConfig{MaxDifferences: q.most}
	var err error
	if cfg.From, err = dayOf("--from", q.from); err != nil {
		return nil, err
	}
	if cfg.To, err = dayOf("--to", q.to); err != nil {
		return nil, err
	}
	if q.most < 1 {
		return nil, fmt.Errorf("--max is %d: it must be at least 1", q.most)
	}
	db, err := openDatabase(ctx, data)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if q.repair {
		return postgres.Repair(ctx, db, cfg)
	}
	return postgres.Reconcile(ctx, db, cfg)
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

func printReport(w io.Writer, r *postgres.Report, repaired bool) error {
	if r.Sealed > 0 {
		fmt.Fprintf(w, "left out: %d days whose events have been dropped\n", r.Sealed)
	}
	if err := printStatistics(w, r, repaired); err != nil || r.Ledger == nil {
		return err
	}
	return printLedger(w, r.Ledger)
}

func printStatistics(w io.Writer, r *postgres.Report, repaired bool) error {
	if r.Total == 0 {
		_, err := fmt.Fprintf(w, "equal: %d events, %d statistics rows, %d sights of agents\n", r.Events, r.Rows, r.Agents)
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
	outcome := "different"
	if repaired {
		outcome = "repaired"
	}
	_, err := fmt.Fprintf(w, "%s: %d figures (%d shown), %d events, %d statistics rows\n", outcome, r.Total, len(r.Differences), r.Events, r.Rows)
	return err
}

// printLedger shows the two equations, and where the second does not hold.
func printLedger(w io.Writer, l *postgres.LedgerReport) error {
	var rejected int64
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(l.Rejected)) {
		rejected += l.Rejected[reason]
		reasons = append(reasons, fmt.Sprintf("%d %s", l.Rejected[reason], reason))
	}
	why := ""
	if len(reasons) > 0 {
		why = " (" + strings.Join(reasons, ", ") + ")"
	}
	outcome, sign := "ledger equal", "="
	if !l.Equal() {
		outcome = fmt.Sprintf("ledger different in %d figures", l.Total)
		if l.Stored != l.Events+l.Totals {
			sign = "≠"
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "SENT WITH\tOUTCOME\tBOOKED\tFOUND")
		for _, d := range l.Differences {
			found := fmt.Sprint(d.Found)
			if d.AtLeast {
				found += " at least"
			}
			fmt.Fprintf(t, "%s\t%s\t%d\t%s\n", dash(d.Key), d.Outcome, d.Booked, found)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s: %d received = %d stored + %d repeated + %d rejected%s; %d stored %s %d events (%d of sealed days) + %d reported totals\n",
		outcome, l.Received, l.Stored, l.Repeated, rejected, why, l.Stored, sign, l.Events, l.SealedEvents, l.Totals)
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
