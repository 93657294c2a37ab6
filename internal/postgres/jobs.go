package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// Jobs are run by River: collectors that share a database elect one that plans them, and each job is run by one.

const (
	// jobInterval leaves two weeks' worth of tries before a missing partition matters.
	jobInterval = time.Hour
	// jobTimeout ends a job that takes long; it goes on where it ended.
	jobTimeout = 50 * time.Minute
	// rescueAfter is when a job whose collector was killed is run again.
	rescueAfter = jobTimeout + 10*time.Minute
	// jobTries are made before the next turn, a second and a quarter of a minute after each other.
	jobTries = 3
	// jobPoll is how often a collector looks for jobs: they are not urgent, and listening would take a connection.
	jobPoll = 5 * time.Second
)

// task is what a job does at a moment. None of them depends on another, and each may be cut off, or run twice.
type task func(ctx context.Context, now time.Time) error

func (db *DB) tasks() map[string]task {
	return map[string]task{
		"create_partitions":  db.createPartitions,
		"merge_statistics":   db.compactSingle,
		"drop_events":        db.dropEvents,
		"roll_up_statistics": db.rollUp,
		"delete_expired":     db.deleteExpired,
	}
}

// taskArgs is a job as it is stored.
type taskArgs struct {
	Task string `json:"task"`
}

// Kind implements river.JobArgs.
func (taskArgs) Kind() string { return "mirrorball_maintenance" }

// InsertOpts implements river.JobArgsWithInsertOpts: a task that waits or runs is not planned once more.
func (taskArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: jobTries, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateScheduled, rivertype.JobStateRetryable,
	}}}
}

type taskWorker struct {
	river.WorkerDefaults[taskArgs]
	db    *DB
	tasks map[string]task
}

func (w *taskWorker) Work(ctx context.Context, job *river.Job[taskArgs]) error {
	run, ok := w.tasks[job.Args.Task]
	if !ok {
		return river.JobCancel(errors.New("unknown task: a newer collector on this database has planned it"))
	}
	// The clock of the database is one for all collectors. A collector whose own is years ahead must not drop everything.
	var now time.Time
	if err := w.db.jobs.QueryRow(ctx, `SELECT now()`).Scan(&now); err != nil {
		return fmt.Errorf("cannot ask Postgres for the time: %w", public(err))
	}
	return run(ctx, now)
}

func (db *DB) newJobs(report func(error)) (*river.Client[pgx.Tx], error) {
	tasks := db.tasks()
	workers := river.NewWorkers()
	river.AddWorker(workers, &taskWorker{db: db, tasks: tasks})
	var periodic []*river.PeriodicJob
	for name := range tasks {
		plan := func() (river.JobArgs, *river.InsertOpts) { return taskArgs{Task: name}, nil }
		periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(jobInterval), plan, &river.PeriodicJobOpts{ID: name, RunOnStart: true}))
	}
	return river.NewClient(riverpgxv5.New(db.jobs), &river.Config{
		ErrorHandler:         &jobErrors{report: report},
		FetchPollInterval:    jobPoll,
		JobTimeout:           jobTimeout,
		Logger:               slog.New(&jobLog{report: report}),
		PeriodicJobs:         periodic,
		PollOnly:             true,
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: len(tasks)}}, // none waits behind another
		RescueStuckJobsAfter: rescueAfter,
		Workers:              workers,
	})
}

// runJobs returns once ctx has ended and the jobs with it.
func (db *DB) runJobs(ctx context.Context, report func(error)) {
	for ctx.Err() == nil {
		jobs, err := db.newJobs(report)
		if err == nil {
			err = jobs.Start(ctx)
		}
		if err == nil {
			<-jobs.Stopped()
			return
		}
		if ctx.Err() == nil {
			report(fmt.Errorf("cannot start the jobs of the database: %w", public(err)))
		}
		pauseFor(ctx, time.Minute)
	}
}

// jobErrors reports what failed. River tries it again.
type jobErrors struct{ report func(error) }

func (e *jobErrors) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	if ctx.Err() == nil {
		e.report(fmt.Errorf("job %s: %w", job.EncodedArgs, err))
	}
	return nil
}

func (e *jobErrors) HandlePanic(_ context.Context, job *rivertype.JobRow, panicked any, _ string) *river.ErrorHandlerResult {
	e.report(fmt.Errorf("job %s panicked: %v", job.EncodedArgs, panicked))
	return nil
}
