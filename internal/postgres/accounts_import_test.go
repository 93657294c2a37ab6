package postgres_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/disco-platform/mirrorball/internal/access"
	"github.com/disco-platform/mirrorball/internal/accounts"
	"github.com/disco-platform/mirrorball/internal/apikey"
	"github.com/disco-platform/mirrorball/internal/postgres"
)

// importRow is a line whose key has a fingerprint that stands for the word.
func importRow(line int, email, organization, key string) accounts.Import {
	return accounts.Import{
		Line: line, Email: email, Organization: organization, Environment: "live", Fingerprint: sha256.Sum256([]byte(key)), Name: key,
	}
}

func theRows(rows ...accounts.Import) iter.Seq2[accounts.Import, error] {
	return func(yield func(accounts.Import, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// whoHas is what the registry says of the keys by their names: owner, organisation and role.
func whoHas(t *testing.T, g *postgres.Registry) map[string]string {
	t.Helper()
	keys, err := g.Keys(t.Context(), access.Operator, accounts.KeyFilter{}, accounts.Page{Limit: 1000})
	require.NoError(t, err)
	found := map[string]string{}
	for _, k := range keys.Items {
		_, owner, err := g.Key(t.Context(), access.Operator, k.KeyID)
		require.NoError(t, err)
		if owner != nil {
			found[k.Name] = fmt.Sprintf("%s of %s, %s", owner.Email, owner.OrganizationName, owner.Role)
		}
	}
	return found
}

func TestKeysAreImported(t *testing.T) {
	t.Parallel()
	g, db := newRegistry(t)
	file := []accounts.Import{
		importRow(2, "ada@example.com", "Engines", "one"),
		importRow(3, "bob@example.com", "Engines", "two"),
		importRow(4, "ADA@example.com", "Engines", "three"), // the same user
		importRow(5, "ada@example.com", "Looms", "four"),    // another account of the same person
		importRow(6, "ada@example.com", "Engines", "one"),   // the same line once more
	}
	done, err := g.ImportKeys(t.Context(), access.Operator, theRows(file...))
	require.NoError(t, err)
	require.Equal(t, accounts.Imported{Users: 3, Keys: 4, Known: 1}, done)
	want := map[string]string{
		"one": "ada@example.com of Engines, admin", "two": "bob@example.com of Engines, member",
		"three": "ada@example.com of Engines, admin", "four": "ada@example.com of Looms, admin",
	}
	require.Equal(t, want, whoHas(t, g))

	// The keys are good, and each has an allowance of its own.
	store := postgres.NewKeyStore(db, postgres.Pepper("pepper of the tests"))
	allowances := map[int32]bool{}
	for _, row := range file[:4] {
		ids, err := store.LookUp(t.Context(), row.Fingerprint)
		require.NoError(t, err)
		id := ids[0]
		require.Equal(t, accounts.CustomerScopes, id.Scopes)
		require.False(t, id.Confirmed, "a line of a file shows nothing about an address")
		allowances[id.Allowance.ID] = true
	}
	require.Len(t, allowances, 4)

	trail, err := g.Trail(t.Context(), access.Operator, accounts.TrailFilter{}, accounts.Page{Limit: 1000})
	require.NoError(t, err)
	made := map[access.Action]int{}
	for _, e := range trail.Items {
		if e.Details["imported"] == true {
			made[e.Action]++
		}
	}
	require.Equal(t, map[access.Action]int{access.UserCreate: 3, access.KeyCreate: 4}, made)

	// Again, with a new key for one who is known by a key of the file, one who is not, and one in a place that is known.
	again := append([]accounts.Import{
		importRow(2, "bob@example.com", "Engines", "five"), importRow(3, "eve@example.com", "Engines", "six"),
	}, file[:2]...)
	done, err = g.ImportKeys(t.Context(), access.Operator, theRows(again...))
	require.NoError(t, err)
	require.Equal(t, accounts.Imported{Users: 1, Keys: 2, Known: 2}, done)
	want["five"], want["six"] = "bob@example.com of Engines, member", "eve@example.com of Engines, member"
	require.Equal(t, want, whoHas(t, g))

	// A file that shows no key of what is there opens accounts of its own: names and addresses prove nothing.
	done, err = g.ImportKeys(t.Context(), access.Operator, theRows(importRow(2, "ada@example.com", "Engines", "seven")))
	require.NoError(t, err)
	require.Equal(t, accounts.Imported{Users: 1, Keys: 1}, done)
	organizations, err := g.Organizations(t.Context(), access.Operator, accounts.Page{Limit: 10})
	require.NoError(t, err)
	require.Len(t, organizations.Items, 3)
}

// A key of the platform in the file is known, and belongs to nobody.
func TestImportLeavesThePlatformsKeys(t *testing.T) {
	t.Parallel()
	g, _ := newRegistry(t)
	key, err := g.CreateKey(t.Context(), access.Operator, accounts.KeySpec{Environment: "live", Scopes: []string{apikey.ScopeAdmin}})
	require.NoError(t, err)
	row := importRow(2, "ada@example.com", "Engines", "")
	row.Fingerprint = apikey.FingerprintOf(key.Raw)
	done, err := g.ImportKeys(t.Context(), access.Operator, theRows(row))
	require.NoError(t, err)
	require.Equal(t, accounts.Imported{Known: 1}, done)
}

func TestImportIsAllOrNothing(t *testing.T) {
	t.Parallel()
	g, _ := newRegistry(t)
	good := importRow(2, "ada@example.com", "Engines", "one")
	bad := importRow(3, "ada", "Engines", "two")
	moon := importRow(5, "ada@example.com", "Engines", "three")
	moon.Environment = "moon"
	_, err := g.ImportKeys(t.Context(), access.Operator, func(yield func(accounts.Import, error) bool) {
		_ = yield(good, nil) && yield(bad, nil) && yield(accounts.Import{}, errors.New("line 4: cannot be read")) && yield(moon, nil)
	})
	require.EqualError(t, err, "cannot import keys: line 3: email: is not a plain address such as ada@example.com\n"+
		"line 4: cannot be read\nline 5: environment: must be one of sandbox, live")
	require.Empty(t, whoHas(t, g))

	other := good
	other.Line, other.Email = 9, "bob@example.com"
	_, err = g.ImportKeys(t.Context(), access.Operator, theRows(good, other))
	require.ErrorContains(t, err, "line 9 has the key of line 2 with another email, organization or environment")
	require.Empty(t, whoHas(t, g))

	endless := 0
	_, err = g.ImportKeys(t.Context(), access.Operator, func(yield func(accounts.Import, error) bool) {
		for yield(bad, nil) {
			endless++
		}
	})
	require.Error(t, err)
	require.Equal(t, 19, endless, "a file that is bad throughout is not read to its end")

	_, err = g.ImportKeys(t.Context(), access.Actor{}, theRows(good))
	var forbidden *accounts.ForbiddenError
	require.ErrorAs(t, err, &forbidden)
}

// A platform moves over with one file. A statement a row took minutes.
func TestImportOfManyKeys(t *testing.T) {
	t.Parallel()
	g, _ := newRegistry(t)
	const keys, users = 20_000, 4_000
	many := func(yield func(accounts.Import, error) bool) {
		for i := range keys {
			user := i % users
			row := importRow(i+2, fmt.Sprintf("user-%d@example.com", user), fmt.Sprintf("organisation %d", user/10), fmt.Sprint("key ", i))
			if !yield(row, nil) {
				return
			}
		}
	}
	started := time.Now()
	done, err := g.ImportKeys(t.Context(), access.Operator, many)
	require.NoError(t, err)
	require.Equal(t, accounts.Imported{Users: users, Keys: keys}, done)
	t.Logf("%d keys in %v", keys, time.Since(started))

	started = time.Now()
	done, err = g.ImportKeys(t.Context(), access.Operator, many)
	require.NoError(t, err)
	require.Equal(t, accounts.Imported{Known: keys}, done)
	t.Logf("again in %v", time.Since(started))
}
