package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ErrLockOpen is returned when row-level security would not keep tenants apart.
var ErrLockOpen = errors.New("the second lock on tenants' data is open")

// Each statement returns what is wrong, in words; no row is good. They look at what the reader's role can reach in the
// schema in use, whoever granted it.
var lockChecks = []string{
	`SELECT 'the role ' || rolname || ' is a superuser or has BYPASSRLS' FROM pg_roles WHERE rolname = $1 AND (rolsuper OR rolbypassrls)`,
	`SELECT 'the role ' || $1::text || ' is a member of ' || r.rolname || ', which owns ' || min(c.relname)
FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND pg_has_role($1, c.relowner, 'MEMBER')
GROUP BY r.rolname`,
	`SELECT 'row-level security of ' || c.relname || ' is off' FROM pg_class c
WHERE c.relkind IN ('r', 'p') AND NOT c.relrowsecurity AND c.relname <> ALL ($2) AND` + reachable,
	`SELECT c.relname || ' is a partition and is granted by its own name' FROM pg_class c
WHERE c.relispartition AND c.relkind IN ('r', 'p') AND` + reachable,
	`SELECT 'the view ' || c.relname || ' reads as its owner' FROM pg_class c
WHERE (c.relkind = 'm' OR c.relkind = 'v' AND NOT coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false)) AND` + reachable,
	`SELECT 'the role ' || $1::text || ' may write ' || c.relname FROM pg_class c
WHERE c.relkind IN ('r', 'p', 'v') AND c.relnamespace = current_schema()::regnamespace AND has_table_privilege($1, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')`,
	`SELECT 'the policy ' || p.polname || ' of ' || c.relname || ' opens every row' FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname <> ALL ($2) AND p.polpermissive AND p.polcmd IN ('r', '*')
	AND (p.polroles @> ARRAY[0::oid] OR EXISTS (SELECT FROM unnest(p.polroles) AS role (oid) WHERE pg_has_role($1, role.oid, 'MEMBER')))
	AND pg_get_expr(p.polqual, p.polrelid) NOT LIKE '%current_setting(''mirrorball.%'`,
}

const reachable = ` c.relnamespace = current_schema()::regnamespace
	AND (has_table_privilege($1, c.oid, 'SELECT') OR has_any_column_privilege($1, c.oid, 'SELECT'))`

// tablesOfNobody hold nothing of any tenant.
var tablesOfNobody = []string{"dictionary", "retention"}

// CheckLocks returns ErrLockOpen, and what has to be mended, when the role that reads for callers could see more than row-level
// security lets it. Privileges of Postgres are easily given by a well-meant GRANT, and nothing else would tell.
func CheckLocks(ctx context.Context, db *DB) error {
	var open []string
	for _, check := range lockChecks {
		args := []any{readerRole}
		if strings.Contains(check, "$2") {
			args = append(args, tablesOfNobody)
		}
		rows, err := db.read.Query(ctx, check, args...)
		if err != nil {
			return fmt.Errorf("cannot check row-level security: %w", public(err))
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("cannot check row-level security: %w", public(err))
		}
		open = append(open, found...)
	}
	if len(open) > 0 {
		return fmt.Errorf("%w: %s", ErrLockOpen, strings.Join(open, "; "))
	}
	return nil
}
