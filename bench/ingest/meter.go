package main

import "context"

const (
	diskBytes = "SELECT pg_database_size(current_database())"
	walBytes  = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
)

// meter measures what a phase writes. The log is the whole server's, so nothing else may write meanwhile.
type meter struct {
	db        *database
	disk, wal int64
}

// meter begins with a checkpoint, so that every phase begins alike.
func (db *database) meter(ctx context.Context) (*meter, error) {
	if err := db.exec(ctx, "CHECKPOINT"); err != nil {
		return nil, err
	}
	m := &meter{db: db}
	var err error
	if m.disk, err = db.number(ctx, diskBytes); err != nil {
		return nil, err
	}
	m.wal, err = db.number(ctx, walBytes)
	return m, err
}

func (m *meter) read(ctx context.Context, w *written) error {
	wal, err := m.db.number(ctx, walBytes)
	if err != nil {
		return err
	}
	disk, err := m.db.number(ctx, diskBytes)
	if err != nil {
		return err
	}
	w.wal, w.disk = wal-m.wal, disk-m.disk
	return nil
}

// tables are what the bytes of an event on disk are told apart by.
var tables = []string{"audit_logs", "usage_counts", "key_activity", "admissions"}

// sizes are the bytes of tables, with their partitions and indexes.
func (db *database) sizes(ctx context.Context) (map[string]int64, error) {
	const bytes = `
		SELECT (pg_total_relation_size($1::text::regclass)
			+ coalesce((SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree($1::text::regclass) WHERE level > 0), 0))::bigint`
	all := map[string]int64{}
	for _, table := range tables {
		n, err := db.number(ctx, bytes, table)
		if err != nil {
			return nil, err
		}
		all[table] = n
	}
	return all, nil
}
