package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// Names of rows of settings.
const (
	settingPepper    = "pepper_id"
	settingFirstKeys = "first_keys"
)

// ErrWrongPepper is returned when the keys of a database were made with another pepper: none of them would be known.
var ErrWrongPepper = errors.New("the pepper is not the one that this database's keys were made with: restore the file `pepper` of the data folder, or set `pepper`")

const claimPepper = `INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = settings.value RETURNING value`

// CheckPepper notes which pepper a new database uses, and compares it in one that is not new.
func CheckPepper(ctx context.Context, db *DB, p Pepper) error {
	var stored string
	if err := db.ingest.QueryRow(ctx, claimPepper, settingPepper, p.ID()).Scan(&stored); err != nil {
		return fmt.Errorf("cannot compare the pepper: %w", public(err))
	}
	if stored != p.ID() {
		return fmt.Errorf("%w (theirs is %s, this is %s)", ErrWrongPepper, stored, p.ID())
	}
	return nil
}

// FirstKeys makes the keys that a new installation needs, an administrator's and the platform's own, and gives each to
// keep. Only one process does so, once for a database; when keep fails, or the process dies, the next start makes new
// ones, and the ones that nobody got to know stay unused.
func FirstKeys(ctx context.Context, db *DB, p Pepper, keep func(name, raw string) error) error {
	return withLock(ctx, db.ingest, lockMaintenance, func() error {
		var done string
		err := db.ingest.QueryRow(ctx, `SELECT value FROM settings WHERE name = $1`, settingFirstKeys).Scan(&done)
		if err == nil {
			return nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("cannot tell whether the database is new: %w", public(err))
		}
		for _, first := range []struct{ name, scope string }{
			{"admin", apikey.ScopeAdmin},
			{"platform", apikey.ScopeTelemetryWriteAny},
		} {
			key, err := NewRegistry(db, p).CreateKey(ctx, access.System, accounts.KeySpec{
				Environment: apikey.Live, Scopes: []string{first.scope}, Name: "first " + first.name + " key",
			})
			if err != nil {
				return err
			}
			if err := keep(first.name, key.Raw); err != nil {
				return err
			}
		}
		_, err = db.ingest.Exec(ctx, `INSERT INTO settings (name, value) VALUES ($1, 'made')`, settingFirstKeys)
		if err != nil {
			return fmt.Errorf("cannot note that the first keys are made: %w", public(err))
		}
		return nil
	})
}
