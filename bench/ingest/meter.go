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
