package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	pgxdecimal "github.com/jackc/pgx-shopspring-decimal"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/usage"
)

// Config says which database to use and how.
type Config struct {
	// DSN is a connection string of libpq, as URL or as key=value pairs.
	DSN string
	// Window is the accepted span of event times: partitions are kept ready for it. Zero means
	// usage.DefaultWindow.
	Window usage.Window
	// MaxConns bounds the connections of each of the two pools for writing and reading. Zero means 8.
	MaxConns int32
	// Retention is what [DB.Maintain] keeps. Zero means DefaultRetention, for processes that drop nothing.
	Retention Retention
	// ReadTimeout ends a statement of the reading pool. Zero means 30 seconds.
	ReadTimeout time.Duration
}

// DB is one database with its schema up to date.
//
// It has three pools, so that neither a burst of questions nor a job keeps a writer waiting for a connection.
type DB struct {
	window     usage.Window
	retention  Retention
	ingest     *pgxpool.Pool
	read       *pgxpool.Pool
	jobs       *pgxpool.Pool
	partitions atomic.Pointer[coverage]
}

// Bounds on how long a statement of a writer may run, and wait for another's lock.
const (
	writeTimeout = 60 * time.Second
	lockTimeout  = 10 * time.Second
	// jobConns are enough for every job at once, and for those who plan them.
	jobConns = 6
)

// Open connects, migrates the schema and creates the partitions for the accepted window. Any number of processes
// may do so at once.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Window == (usage.Window{}) {
		cfg.Window = usage.DefaultWindow
	}
	if cfg.ReadTimeout == 0 {
		cfg.ReadTimeout = 30 * time.Second
	}
	db := &DB{window: cfg.Window, retention: cfg.Retention}
	if cfg.Retention == (Retention{}) {
		db.retention = DefaultRetention
	}
	err := errors.Join(db.retention.Check(db.window)...)
	if err != nil {
		return nil, err
	}
	if db.ingest, err = newPool(ctx, cfg, "mirrorball ingest", writeTimeout); err != nil {
		return nil, err
	}
	// To plan a question about all partitions takes longer than to answer it: its plan is kept.
	if db.read, err = newPool(ctx, cfg, "mirrorball read", cfg.ReadTimeout, "plan_cache_mode", "force_generic_plan"); err != nil {
		db.Close()
		return nil, err
	}
	jobs := cfg
	jobs.MaxConns = jobConns
	if db.jobs, err = newPool(ctx, jobs, "mirrorball jobs", jobTimeout); err != nil {
		db.Close()
		return nil, err
	}
	if err := db.prepare(ctx, cfg.Retention != (Retention{})); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// prepare makes the schema and the partitions. A process that drops data, or takes it in, has to fit what was dropped before.
func (db *DB) prepare(ctx context.Context, drops bool) error {
	if err := db.migrate(ctx); err != nil {
		return err
	}
	now := time.Now()
	if drops {
		b, err := db.borders(ctx)
		if err != nil {
			return err
		}
		if err := b.check(db.window, now); err != nil {
			return err
		}
	}
	return db.createPartitions(ctx, now)
}

// newPool makes a pool whose sessions are the same whatever the server's defaults are.
// More settings come as names and values.
func newPool(ctx context.Context, cfg Config, name string, timeout time.Duration, more ...string) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(cfg.DSN)
	if err != nil {
		// pgx quotes the DSN in its message, with the password taken out where it can tell; say nothing instead.
		return nil, errors.New("cannot read `dsn`: expected a URL such as postgres://user@host:5432/database")
	}
	pc.MaxConns = 8
	if cfg.MaxConns > 0 {
		pc.MaxConns = cfg.MaxConns
	}
	pc.MaxConnIdleTime = 5 * time.Minute
	params := pc.ConnConfig.RuntimeParams
	params["application_name"] = name
	params["timezone"] = "UTC"
	params["statement_timeout"] = strconv.FormatInt(timeout.Milliseconds(), 10)
	params["lock_timeout"] = strconv.FormatInt(lockTimeout.Milliseconds(), 10)
	// A peer that vanished behind a half-open connection holds its row locks for as long.
	params["idle_in_transaction_session_timeout"] = "15000"
	// Statements take milliseconds; to compile one takes a hundred.
	params["jit"] = "off"
	// Acknowledged means committed, whatever the server's default is.
	params["synchronous_commit"] = "on"
	for pair := range slices.Chunk(more, 2) {
		params[pair[0]] = pair[1]
	}
	pc.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		pgxdecimal.Register(conn.TypeMap())
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to Postgres: %w", public(err))
	}
	return pool, nil
}

// Close waits until all connections are given back and closes them.
func (db *DB) Close() {
	if db.ingest != nil {
		db.ingest.Close()
	}
	if db.read != nil {
		db.read.Close()
	}
	if db.jobs != nil {
		db.jobs.Close()
	}
}

// Pool is the pool of the role that owns the tables: row-level security does not bind it. Questions on behalf of a
// caller go through [DB.ReadAs].
func (db *DB) Pool() *pgxpool.Pool { return db.ingest }

// Scope is whose rows a reader may see.
type Scope struct {
	// Keys are api_keys.seq. Key 0 is nobody's usage.
	Keys []int32
	// All opens every row; it is for admins.
	All bool
	// Organization (organizations.seq) is the reader's own, whose name it sees; 0 for none. Members opens its users and
	// invitations too.
	Organization int32
	Members      bool
	// Trail is written in the transaction that reads; nil for what leaves no trace.
	Trail *access.Entry
}

// readerRole is created by the migrations; it owns nothing and may only read.
const readerRole = "mirrorball_reader"

const (
	// enterReader makes the settings of a transaction in one round trip. set_config('role', …) is SET LOCAL ROLE.
	enterReader = `SELECT set_config('role', $1, true), set_config('mirrorball.keys', $2, true), set_config('mirrorball.all', $3, true),
	set_config('mirrorball.own_organization', $4, true), set_config('mirrorball.organization', $5, true)`
	leaveReader = `SELECT set_config('role', 'none', true)`
)

// enter binds the rest of a transaction to the scope.
func (s Scope) enter(ctx context.Context, tx pgx.Tx) error {
	own, members := "", ""
	if s.Organization != 0 {
		own = strconv.Itoa(int(s.Organization))
	}
	if s.Members {
		members = own
	}
	_, err := tx.Exec(ctx, enterReader, readerRole, s.keys(), s.all(), own, members)
	return err
}

// ReadAs runs fn in a transaction that sees one snapshot and no row outside the scope, whatever fn asks: row-level security
// sees to it. It writes nothing but the scope's entry in the trail.
func (db *DB) ReadAs(ctx context.Context, s Scope, fn func(pgx.Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	if s.Trail != nil {
		options.AccessMode = pgx.ReadWrite
	}
	var own error
	err := pgx.BeginTxFunc(ctx, db.read, options, func(tx pgx.Tx) error {
		if err := writeTrail(ctx, tx, s.Trail); err != nil {
			return err
		}
		if err := s.enter(ctx, tx); err != nil {
			return err
		}
		own = fn(tx)
		return own
	})
	switch {
	case own != nil:
		return own
	case err != nil:
		return fmt.Errorf("cannot read as %s: %w", readerRole, public(err))
	}
	return nil
}

func (s Scope) keys() string {
	text := make([]string, len(s.Keys))
	for i, k := range s.Keys {
		text[i] = strconv.Itoa(int(k))
	}
	return strings.Join(text, ",")
}

func (s Scope) all() string {
	if s.All {
		return "on"
	}
	return "off"
}
