package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
)

// maxImportErrors is how many bad rows an import looks for before it gives up.
const maxImportErrors = 20

// ImportKeys implements accounts.Registry. A key that is registered already is left as it is, so a file may be imported
// again. Rows of one import with the same address and organisation are one user, and those with the same organisation
// one organisation. A row joins a user or organisation that was there before only if the file shows a key of it.
//
// The rows are copied into a table of the transaction, and a fixed number of statements makes everything out of it.
func (g *Registry) ImportKeys(ctx context.Context, by access.Actor, rows iter.Seq2[accounts.Import, error]) (accounts.Imported, error) {
	if !by.View.All {
		return accounts.Imported{}, &accounts.ForbiddenError{Message: "only operators and admins import keys"}
	}
	in := importing{by: by, pepper: g.pepper}
	err := g.do(ctx, by, func(d *deed) error {
		if err := in.copy(ctx, d.Tx, rows); err != nil {
			return err
		}
		return in.make(ctx, d.Tx)
	})
	if len(in.bad) > 0 {
		err = errors.Join(in.bad...)
	}
	if err != nil {
		return accounts.Imported{}, fmt.Errorf("cannot import keys: %w", err)
	}
	return in.done, nil
}

// importing is one import.
type importing struct {
	by     access.Actor
	pepper Pepper
	bad    []error
	done   accounts.Imported
}

// A row carries ids for all that may be made for it.
const createImported = `
CREATE TEMPORARY TABLE imported (
	line int NOT NULL, email text NOT NULL, email_folded text NOT NULL, organization text NOT NULL, environment text NOT NULL,
	name text NOT NULL, hint text NOT NULL, digest bytea NOT NULL,
	key_id text NOT NULL, user_id text NOT NULL, organization_id text NOT NULL
) ON COMMIT DROP`

var importedColumns = []string{
	"line", "email", "email_folded", "organization", "environment", "name", "hint", "digest", "key_id", "user_id", "organization_id",
}

// copy stores the rows for the time of the transaction. Once one is bad the others are looked at only.
func (in *importing) copy(ctx context.Context, tx pgx.Tx, rows iter.Seq2[accounts.Import, error]) error {
	if _, err := tx.Exec(ctx, createImported); err != nil {
		return err
	}
	next, stop := iter.Pull2(rows)
	defer stop()
	n, err := tx.CopyFrom(ctx, pgx.Identifier{"imported"}, importedColumns, pgx.CopyFromFunc(func() ([]any, error) {
		return in.row(next)
	}))
	in.done.Keys = int(n)
	return err
}

var errBadRows = errors.New("rows are bad")

// row returns the next row for the table, nil at the end, and an error at the end of rows of which some are bad.
func (in *importing) row(next func() (accounts.Import, error, bool)) ([]any, error) {
	for len(in.bad) < maxImportErrors {
		r, err, ok := next()
		if !ok {
			break
		}
		if err == nil {
			if err = r.Check(); err != nil {
				err = fmt.Errorf("line %d: %s", r.Line, strings.ReplaceAll(err.Error(), "\n", "; "))
			}
		}
		switch {
		case err != nil:
			in.bad = append(in.bad, err)
		case len(in.bad) == 0:
			return []any{
				r.Line, r.Email, accounts.FoldEmail(r.Email), r.Organization, r.Environment, r.Name, r.Hint,
				apikey.Digest(in.pepper, r.Fingerprint), apikey.NewID("key_"), apikey.NewID("usr_"), apikey.NewID("org_"),
			}, nil
		}
	}
	if len(in.bad) > 0 {
		return nil, errBadRows
	}
	return nil, nil
}

const (
	// Lines with the same key must say the same of it.
	findContradiction = `
SELECT before, line
FROM (
	SELECT line, digest, lag(line) OVER w AS before,
		(email_folded, organization, environment) IS DISTINCT FROM (lag(email_folded) OVER w, lag(organization) OVER w, lag(environment) OVER w) AS differs
	FROM imported WINDOW w AS (PARTITION BY digest ORDER BY line)
) AS lines
WHERE before IS NOT NULL AND differs
ORDER BY line LIMIT 1`

	// The first line of each key that is not registered yet.
	findFresh = `
CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS
SELECT DISTINCT ON (i.digest) i.* FROM imported i
WHERE NOT EXISTS (SELECT FROM api_keys k WHERE k.digest = i.digest)
ORDER BY i.digest, i.line`

	// Who users of the file are, by a key of theirs.
	findOwners = `
CREATE TEMPORARY TABLE owners ON COMMIT DROP AS
SELECT DISTINCT ON (i.email_folded, i.organization) i.email_folded, i.organization AS organization_name, u.seq, u.organization
FROM imported i JOIN api_keys k USING (digest) JOIN users u ON u.seq = k.user_seq
ORDER BY i.email_folded, i.organization, u.seq`

	// Which organisations those of the file are, by their names there.
	findPlaces = `
CREATE TEMPORARY TABLE places ON COMMIT DROP AS
SELECT DISTINCT ON (organization_name) organization_name AS name, organization AS seq, false AS opened
FROM owners
ORDER BY organization_name, seq`

	analyzeImport = `ANALYZE imported, fresh, owners, places`

	importOrganizations = `
WITH made AS (
	INSERT INTO organizations (id, name)
	SELECT id, name
	FROM (
		SELECT DISTINCT ON (organization) organization_id AS id, organization AS name, line FROM fresh f
		WHERE NOT EXISTS (SELECT FROM places p WHERE p.name = f.organization)
		ORDER BY organization, line
	) AS first
	ORDER BY line
	RETURNING seq, name
)
INSERT INTO places (name, seq, opened) SELECT name, seq, true FROM made`

	// The first user of an organisation that the file opens manages it.
	importUsers = `
WITH first AS (
	SELECT DISTINCT ON (f.email_folded, f.organization) f.* FROM fresh f
	WHERE NOT EXISTS (SELECT FROM owners o WHERE o.email_folded = f.email_folded AND o.organization_name = f.organization)
	ORDER BY f.email_folded, f.organization, f.line
), made AS (
	INSERT INTO users (id, email, email_folded, organization, role)
	SELECT f.user_id, f.email, f.email_folded, p.seq,
		CASE WHEN p.opened AND row_number() OVER (PARTITION BY f.organization ORDER BY f.line) = 1 THEN 'admin' ELSE 'member' END
	FROM first f JOIN places p ON p.name = f.organization
	ORDER BY f.line
	RETURNING seq, id, organization
), noted AS (
	INSERT INTO admin_trail (actor, action, target, client, details)
	SELECT $1, $2, made.id, $3, jsonb_build_object('organization_id', o.id, 'imported', true)
	FROM made JOIN organizations o ON o.seq = made.organization
	ORDER BY made.seq
)
INSERT INTO owners (email_folded, organization_name, seq, organization)
SELECT f.email_folded, f.organization, made.seq, made.organization FROM made JOIN first f ON f.user_id = made.id`

	// Each key has an allowance of its own, without bounds.
	importKeyRows = `
WITH allowance AS (
	INSERT INTO allowances (requests_per_hour) SELECT NULL FROM fresh RETURNING seq
), numbered AS (
	SELECT seq, row_number() OVER (ORDER BY seq) AS n FROM allowance
), key AS (
	SELECT f.*, o.seq AS owner, o.organization AS made_in, row_number() OVER (ORDER BY f.line) AS n
	FROM fresh f JOIN owners o ON o.email_folded = f.email_folded AND o.organization_name = f.organization
), made AS (
	INSERT INTO api_keys (id, digest, pepper_id, hint, user_seq, organization, environment, scopes, name, allowance)
	SELECT key.key_id, key.digest, $4, key.hint, key.owner, key.made_in, key.environment, $5, key.name, numbered.seq
	FROM key JOIN numbered USING (n)
	ORDER BY n
	RETURNING seq, id, environment, user_seq
)
INSERT INTO admin_trail (actor, action, target, client, details)
SELECT $1, $2, made.id, $3, jsonb_build_object('user_id', u.id, 'environment', made.environment, 'imported', true)
FROM made JOIN users u ON u.seq = made.user_seq
ORDER BY made.seq`
)

// make registers what the copied rows name and is not registered yet.
func (in *importing) make(ctx context.Context, tx pgx.Tx) error {
	var before, line int
	switch err := tx.QueryRow(ctx, findContradiction).Scan(&before, &line); err {
	case nil:
		in.bad = append(in.bad, fmt.Errorf("line %d has the key of line %d with another email, organization or environment: leave one of them out", line, before))
		return errBadRows
	case pgx.ErrNoRows:
	default:
		return err
	}
	// Two imports at a time would make users twice.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, lockImport); err != nil {
		return err
	}
	for _, statement := range []string{findFresh, findOwners, findPlaces, analyzeImport, importOrganizations} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	client := address(in.by.Client)
	users, err := tx.Exec(ctx, importUsers, in.by.Name, access.UserCreate, client)
	if err != nil {
		return err
	}
	keys, err := tx.Exec(ctx, importKeyRows, in.by.Name, access.KeyCreate, client, in.pepper.ID(), accounts.CustomerScopes)
	if err != nil {
		return err
	}
	in.done.Known = in.done.Keys - int(keys.RowsAffected())
	in.done.Users, in.done.Keys = int(users.RowsAffected()), int(keys.RowsAffected())
	return nil
}
