package postgres

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/maypok86/otter/v2"

	"github.com/disco-platform/mirrorball/internal/apikey"
)

// KeyStore finds registered keys. It may be used from many goroutines.
type KeyStore struct {
	db     *DB
	pepper Pepper
	// found maps the digests of registered keys to the fingerprints they were made of: the database knows digests only, and
	// has to say which key changed. Guesses find no place in it.
	found   *otter.Cache[[32]byte, apikey.Fingerprint]
	evicted atomic.Bool
}

var _ apikey.Store = (*KeyStore)(nil)

// NewKeyStore finds keys in db; their digests were made with pepper.
func NewKeyStore(db *DB, pepper Pepper) *KeyStore {
	s := &KeyStore{db: db, pepper: pepper}
	s.found = otter.Must(&otter.Options[[32]byte, apikey.Fingerprint]{
		MaximumSize: 250_000, // more than a verifier remembers by default
		Executor:    inline,
		OnDeletion: func(e otter.DeletionEvent[[32]byte, apikey.Fingerprint]) {
			s.evicted.Store(s.evicted.Load() || e.WasEvicted())
		},
	})
	return s
}

const lookUpKeys = `
SELECT k.digest, k.id, k.environment, k.scopes, k.created_at, k.expires_at, k.revoked_at, k.allowed_addresses,
	a.seq, coalesce(a.requests_per_hour, 0), coalesce(a.requests_per_month, 0),
	coalesce(u.id, ''), coalesce(u.email, ''), coalesce(u.role = 'admin' AND u.organization = o.seq, false),
	u.seq IS NULL OR u.email_confirmed_at IS NOT NULL, coalesce(o.id, ''), coalesce(o.name, '')
FROM api_keys k
JOIN allowances a ON a.seq = k.allowance
LEFT JOIN users u ON u.seq = k.user_seq
LEFT JOIN organizations made_in ON made_in.seq = k.organization
LEFT JOIN organizations o ON o.seq = coalesce(made_in.merged_into, made_in.seq)
WHERE k.digest = ANY($1)`

// LookUp implements apikey.Store.
func (s *KeyStore) LookUp(ctx context.Context, fingerprints ...apikey.Fingerprint) ([]*apikey.Identity, error) {
	digests := make([][]byte, len(fingerprints))
	for i, f := range fingerprints {
		digests[i] = apikey.Digest(s.pepper, f)
	}
	registered, err := s.lookUp(ctx, digests)
	if err != nil {
		return nil, fmt.Errorf("cannot look keys up: %w", public(err))
	}
	ids := make([]*apikey.Identity, len(fingerprints))
	for i, f := range fingerprints {
		digest := [32]byte(digests[i])
		if ids[i] = registered[digest]; ids[i] != nil {
			ids[i].Fingerprint = f
			s.found.Set(digest, f)
		}
	}
	return ids, nil
}

func (s *KeyStore) lookUp(ctx context.Context, digests [][]byte) (map[[32]byte]*apikey.Identity, error) {
	rows, err := s.db.read.Query(ctx, lookUpKeys, digests)
	if err != nil {
		return nil, err
	}
	registered := make(map[[32]byte]*apikey.Identity, len(digests))
	defer rows.Close()
	for rows.Next() {
		var digest []byte
		var expires, revoked *time.Time
		id := &apikey.Identity{}
		if err := rows.Scan(&digest, &id.KeyID, &id.Environment, &id.Scopes, &id.CreatedAt,
			&expires, &revoked, &id.Addresses, &id.Allowance.ID, &id.Allowance.PerHour, &id.Allowance.PerMonth,
			&id.UserID, &id.UserEmail, &id.OrganizationAdmin, &id.Confirmed, &id.OrganizationID, &id.OrganizationName); err != nil {
			return nil, err
		}
		id.CreatedAt, id.ExpiresAt, id.RevokedAt = id.CreatedAt.UTC(), utc(expires), utc(revoked)
		registered[[32]byte(digest)] = id
	}
	return registered, rows.Err()
}

// keyChannel is notified by triggers with the digest of a key, in hex, when the key or what belongs to its identity changes.
const keyChannel = "mirrorball_keys"

// A connection that is cut without a sign (a firewall that forgot it) hides revocations. After quiet without a notice the server
// is asked whether it is still there, and without an answer for deaf everything is looked up again: together less than the second
// after which a revoked key is to be refused. A server that is only slow costs a look-up of each key that is used.
const (
	quiet = 200 * time.Millisecond
	deaf  = 600 * time.Millisecond
	// connectTimeout bounds one try to listen again.
	connectTimeout = 4 * time.Second
)

// Watch implements apikey.Store. It listens on a connection of its own, which belongs to no pool.
func (s *KeyStore) Watch(ctx context.Context, changed func(apikey.Change)) error {
	listening := every(deaf, func() { changed(apikey.Change{Of: apikey.AnyKey}) })
	conn, err := s.listen(ctx)
	listening()
	if err != nil {
		return err
	}
	defer hangUp(conn)
	changed(apikey.Change{Of: apikey.AnyKey}) // what changed before LISTEN went unheard
	for {
		notice, err := waitForNotice(ctx, conn)
		if err != nil {
			changed(apikey.Change{Of: apikey.AnyKey})
			return fmt.Errorf("cannot wait for changes of keys: %w", public(err))
		}
		if notice != nil {
			s.tell(*notice, changed)
		}
	}
}

// every calls f at intervals, until the function that it returns is called, which waits for a call under way.
func every(interval time.Duration, f func()) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	turn := time.NewTicker(interval)
	go func() {
		defer close(ended)
		defer turn.Stop()
		for {
			select {
			case <-done:
				return
			case <-turn.C:
				f()
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (s *KeyStore) listen(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	config := s.db.read.Config().ConnConfig
	config.RuntimeParams["application_name"] = "mirrorball listen" // for who looks at pg_stat_activity
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to listen for changes of keys: %w", public(err))
	}
	if _, err := conn.Exec(ctx, "LISTEN "+keyChannel); err != nil {
		hangUp(conn)
		return nil, fmt.Errorf("cannot listen for changes of keys: %w", public(err))
	}
	return conn, nil
}

// hangUp does not wait long for a server that may be gone.
func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), deaf)
	defer cancel()
	_ = conn.Close(ctx)
}

// waitForNotice returns nil when there was none for a while and the server still answers.
func waitForNotice(ctx context.Context, conn *pgx.Conn) (*string, error) {
	wait, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	n, err := conn.WaitForNotification(wait)
	if err == nil {
		return &n.Payload, nil
	}
	if wait.Err() == nil || ctx.Err() != nil {
		return nil, err
	}
	alive, cancel := context.WithTimeout(ctx, deaf)
	defer cancel()
	return nil, conn.Ping(alive)
}

// tell passes a notice on. A key that was not found before is in nobody's memory, unless as one that nobody registered, or a question
// about it is under way.
func (s *KeyStore) tell(payload string, changed func(apikey.Change)) {
	change := apikey.Change{Of: apikey.NewKey}
	digest, err := hex.DecodeString(payload)
	if err != nil || len(digest) != 32 {
		change.Of = apikey.AnyKey
	} else if f, ok := s.found.GetIfPresent([32]byte(digest)); ok {
		change = apikey.Change{Of: apikey.OneKey, Key: f}
	} else if s.evicted.Load() {
		change.Of = apikey.AnyKey
	}
	changed(change)
}
