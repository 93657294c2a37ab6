-- Who may read: a role that owns nothing, and sees the rows of the keys that its transaction names.

-- +goose Up

-- Roles belong to the whole server: another database may have made it already, or be about to.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mirrorball_reader') THEN
        BEGIN
            CREATE ROLE mirrorball_reader NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'role mirrorball_reader is missing and % may not create it: as an administrator run CREATE ROLE mirrorball_reader NOLOGIN; GRANT mirrorball_reader TO %',
                    quote_ident(current_user), quote_ident(current_user);
        END;
    END IF;
    -- A superuser may become any role. Others need a grant, of which pg_has_role says too much (it counts ADMIN).
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        BEGIN
            EXECUTE 'GRANT mirrorball_reader TO ' || quote_ident(current_user);
        EXCEPTION
            WHEN insufficient_privilege THEN
                IF NOT pg_has_role('mirrorball_reader', 'MEMBER') THEN
                    RAISE EXCEPTION '% may not become mirrorball_reader: as an administrator run GRANT mirrorball_reader TO %',
                        quote_ident(current_user), quote_ident(current_user);
                END IF;
        END;
    END IF;
    EXECUTE 'GRANT USAGE ON SCHEMA ' || quote_ident(current_schema()) || ' TO mirrorball_reader';
END
$$;
-- +goose StatementEnd

-- The parents only: what is not granted cannot be read by the name of a partition either. Digests stay unreadable.
GRANT SELECT ON audit_logs, usage_counts, key_activity, ingest_ledger, reported_totals, dictionary TO mirrorball_reader;
-- Views read as whoever asks, so the policies below hold for them too.
GRANT SELECT ON usage_cells, usage_statistics, usage_latencies, agent_activity TO mirrorball_reader;
GRANT SELECT ON organizations, users TO mirrorball_reader;
GRANT SELECT (seq, id, hint, user_seq, organization, environment, scopes, name, created_at, expires_at, revoked_at,
    claimed_email, claimed_organization, claimed_metadata, claimed_at) ON api_keys TO mirrorball_reader;

-- ENABLE without FORCE: the owner writes with COPY, which row-level security does not allow.
-- A setting is NULL before its first use in a session and '' after; both open nothing. The sub-selects make each
-- setting be read once to a query and not once to a row.
ALTER TABLE audit_logs ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON audit_logs FOR SELECT TO mirrorball_reader USING (
    key = ANY ((SELECT string_to_array(nullif(current_setting('mirrorball.keys', true), ''), ','))::int[])
    OR (SELECT current_setting('mirrorball.all', true)) = 'on');

ALTER TABLE usage_counts ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON usage_counts FOR SELECT TO mirrorball_reader USING (
    key = ANY ((SELECT string_to_array(nullif(current_setting('mirrorball.keys', true), ''), ','))::int[])
    OR (SELECT current_setting('mirrorball.all', true)) = 'on');

ALTER TABLE key_activity ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON key_activity FOR SELECT TO mirrorball_reader USING (
    key = ANY ((SELECT string_to_array(nullif(current_setting('mirrorball.keys', true), ''), ','))::int[])
    OR (SELECT current_setting('mirrorball.all', true)) = 'on');

ALTER TABLE ingest_ledger ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON ingest_ledger FOR SELECT TO mirrorball_reader USING (
    key = ANY ((SELECT string_to_array(nullif(current_setting('mirrorball.keys', true), ''), ','))::int[])
    OR (SELECT current_setting('mirrorball.all', true)) = 'on');

ALTER TABLE reported_totals ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON reported_totals FOR SELECT TO mirrorball_reader USING (
    key = ANY ((SELECT string_to_array(nullif(current_setting('mirrorball.keys', true), ''), ','))::int[])
    OR (SELECT current_setting('mirrorball.all', true)) = 'on');

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON api_keys FOR SELECT TO mirrorball_reader USING (
    seq = ANY ((SELECT string_to_array(nullif(current_setting('mirrorball.keys', true), ''), ','))::int[])
    OR (SELECT current_setting('mirrorball.all', true)) = 'on');

-- The owner of a key, and its organisation, are seen with the key.
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON users FOR SELECT TO mirrorball_reader USING (
    (SELECT current_setting('mirrorball.all', true)) = 'on' OR seq IN (SELECT user_seq FROM api_keys));
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON organizations FOR SELECT TO mirrorball_reader USING (
    (SELECT current_setting('mirrorball.all', true)) = 'on' OR seq IN (SELECT organization FROM api_keys));

-- +goose Down
DROP POLICY reader ON organizations;
DROP POLICY reader ON users;
DROP POLICY reader ON api_keys;
DROP POLICY reader ON reported_totals;
DROP POLICY reader ON ingest_ledger;
DROP POLICY reader ON key_activity;
DROP POLICY reader ON usage_counts;
DROP POLICY reader ON audit_logs;
ALTER TABLE organizations DISABLE ROW LEVEL SECURITY;
ALTER TABLE users DISABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys DISABLE ROW LEVEL SECURITY;
ALTER TABLE reported_totals DISABLE ROW LEVEL SECURITY;
ALTER TABLE ingest_ledger DISABLE ROW LEVEL SECURITY;
ALTER TABLE key_activity DISABLE ROW LEVEL SECURITY;
ALTER TABLE usage_counts DISABLE ROW LEVEL SECURITY;
ALTER TABLE audit_logs DISABLE ROW LEVEL SECURITY;
-- The role stays: other databases of the server may use it.
REVOKE ALL ON organizations, users, api_keys, reported_totals, ingest_ledger, dictionary, agent_activity, usage_latencies, usage_statistics, usage_cells, key_activity, usage_counts, audit_logs FROM mirrorball_reader;
-- +goose StatementBegin
DO $$
BEGIN
    EXECUTE 'REVOKE USAGE ON SCHEMA ' || quote_ident(current_schema()) || ' FROM mirrorball_reader';
END
$$;
-- +goose StatementEnd
