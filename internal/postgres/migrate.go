package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Advisory locks of this project, all in one place so that no two are the same. The first four bytes spell "disc".
const (
	lockMigrations  int64 = 0x64697363_00000001
	lockMaintenance int64 = 0x64697363_00000002
	lockCompaction  int64 = 0x64697363_00000003
	lockDropping    int64 = 0x64697363_00000004
	lockRollUp      int64 = 0x64697363_00000005
	lockImport      int64 = 0x64697363_00000006
	// lockQuarantineClass is the first half of a lock of which the key is the second.
	lockQuarantineClass int32 = 0x64697363
)

// Migrations are the SQL files of the schema, in the form of goose.
func Migrations() fs.FS {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return files
}

// migrate applies what is missing of the schema, one process at a time.
func (db *DB) migrate(ctx context.Context) error {
	return withLock(ctx, db.ingest, lockMigrations, func() error {
		// One connection of its own for each: with a pool of one, the lock would wait for itself.
		sqlDB := stdlib.OpenDB(*db.ingest.Config().ConnConfig)
		defer sqlDB.Close()
		provider, err := goose.NewProvider(goose.DialectPostgres, sqlDB, Migrations())
		if err != nil {
			return fmt.Errorf("cannot read the migrations: %w", err)
		}
		if _, err := provider.Up(ctx); err != nil {
			return fmt.Errorf("cannot migrate the schema: %w", public(err))
		}
		return db.migrateJobs(ctx)
	})
}

// migrateJobs makes the tables of River, which bring their own migrations.
func (db *DB) migrateJobs(ctx context.Context) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(db.jobs), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("cannot read the migrations of the jobs: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("cannot migrate the tables of the jobs: %w", public(err))
	}
	return nil
}

// withLock runs fn while this session holds an advisory lock. The lock ends with the session, so a process
// that is killed never leaves it behind.
func withLock(ctx context.Context, pool *pgxpool.Pool, lock int64, fn func() error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("cannot connect to Postgres: %w", public(err))
	}
	defer conn.Release()
	// Another process may be migrating a large table: wait as long as the caller does.
	if _, err := conn.Exec(ctx, "SELECT set_config('lock_timeout', '0', false), set_config('statement_timeout', '0', false)"); err != nil {
		return fmt.Errorf("cannot prepare to lock: %w", public(err))
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", lock); err != nil {
		return fmt.Errorf("cannot wait for the lock of other processes: %w", public(err))
	}
	defer conn.Conn().Close(context.WithoutCancel(ctx)) // ends the session, and with it the lock and the settings
	return fn()
}
