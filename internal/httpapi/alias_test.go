package httpapi_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// An organisation that was merged is another name of the one that it went into, in lists as in usage: each caller gets the same by
// both, and an outsider nothing by either.
func TestListsByTheNameOfAMergedOrganization(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ofAll := []string{"ada live", "bea live", "bea sandbox", "una live", "cleo live", "moe in first", "expired", "revoked", "writer", "elsewhere"}
	for caller, want := range map[string]struct{ keys, users []string }{
		"sandbox":            {[]string{"bea sandbox"}, []string{"bea"}},
		"live":               {[]string{"bea live", "bea sandbox", "expired", "revoked", "writer", "elsewhere"}, []string{"bea"}},
		"unconfirmed":        {[]string{"una live"}, []string{"una"}},
		"other_tenant":       {},
		"organization_admin": {ofAll, []string{"ada", "bea", "una", "moe", "cleo"}},
		"analyst":            {ofAll, []string{"ada", "bea", "una", "moe", "cleo"}},
		"admin":              {ofAll, []string{"ada", "bea", "una", "moe", "cleo"}},
	} {
		var keys, users []string
		for _, name := range want.keys {
			keys = append(keys, w.keys[name].Key.KeyID)
		}
		for _, name := range want.users {
			users = append(users, w.id(name))
		}
		for _, organization := range []string{w.first, w.third} {
			require.ElementsMatch(t, keys, w.ids(caller, "/keys?limit=200&organization_id="+organization), "keys of %s by %s", organization, caller)
			require.ElementsMatch(t, users, w.ids(caller, "/users?limit=200&organization_id="+organization), "users of %s by %s", organization, caller)
		}
		require.Equal(t, w.paged(caller, "/keys?limit=2&organization_id="+w.first), w.paged(caller, "/keys?limit=2&organization_id="+w.third))
		for _, nobody := range []string{"org_0", w.keys["bea live"].Key.KeyID} {
			require.Empty(t, w.ids(caller, "/keys?organization_id="+nobody))
			require.Empty(t, w.ids(caller, "/users?organization_id="+nobody))
		}
	}
	require.Equal(t, []string{w.keys["cleo live"].Key.KeyID}, w.ids("admin", "/keys?organization_id="+w.third+"&user_id="+w.id("cleo")))
	require.Equal(t, []string{w.keys["bea sandbox"].Key.KeyID}, w.ids("admin", "/keys?organization_id="+w.third+"&environment=sandbox"))
	require.Equal(t, []string{w.id("ada")}, w.ids("admin", "/users?organization_id="+w.third+"&email=ada.mail@ada.example"))

	// Merged once more, all the names are the last one's.
	w.merge(w.first, w.second)
	all := w.ids("admin", "/keys?limit=200&organization_id="+w.second)
	require.Len(t, all, len(ofAll)+3) // bob's two, and the one that moe left
	for _, organization := range []string{w.first, w.third} {
		require.Equal(t, all, w.ids("admin", "/keys?limit=200&organization_id="+organization))
		require.Len(t, w.ids("admin", "/users?organization_id="+organization), 6)
		require.Len(t, w.ids("other_tenant", "/users?organization_id="+organization), 6, "now an admin of all")
	}
}

// ids are those of a list that fits a page.
func (w *world) ids(caller, path string) []string {
	w.Helper()
	ids, next := w.page(caller, path)
	require.Empty(w, next)
	return ids
}

// paged are the ids of a list, page by page.
func (w *world) paged(caller, path string) (all []string) {
	w.Helper()
	ids, next := w.page(caller, path)
	for all = ids; next != ""; all = slices.Concat(all, ids) {
		ids, next = w.page(caller, path+"&cursor="+next)
	}
	return all
}

func (w *world) page(caller, path string) (ids []string, next string) {
	w.Helper()
	a := w.send(caller, get(path)(w))
	require.Equal(w, 200, a.status, a.body)
	var list struct {
		Keys, Users []struct{ ID string }
		NextCursor  string `json:"next_cursor"`
	}
	require.NoError(w, json.Unmarshal([]byte(a.body), &list))
	for _, item := range slices.Concat(list.Keys, list.Users) {
		ids = append(ids, item.ID)
	}
	return ids, list.NextCursor
}
