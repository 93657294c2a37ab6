-- Who may do what: roles, limits of keys, invitations, confirmed addresses, and the trail of what was changed and seen.

-- +goose Up

-- What a key may use up. Keys that were made with a key, or by rotating it, share its allowance: a new key is not a new quota.
CREATE TABLE allowances (
    seq                integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    requests_per_hour  bigint CHECK (requests_per_hour > 0),    -- of a UTC hour; NULL: no limit
    requests_per_month bigint CHECK (requests_per_month > 0)    -- of a UTC calendar month; NULL: no quota
);

-- What collectors have taken out of an hour's limit to grant, together.
CREATE TABLE allowance_hours (
    allowance integer NOT NULL REFERENCES allowances (seq),
    hour      timestamptz NOT NULL,
    taken     bigint NOT NULL,
    piece     bigint NOT NULL,          -- how much was taken last: the answer to the statement that did
    PRIMARY KEY (allowance, hour)
);

ALTER TABLE api_keys
    ADD allowance integer REFERENCES allowances (seq),
    ADD allowed_addresses cidr[] NOT NULL DEFAULT '{}',         -- empty: from everywhere
    ADD rotated_from integer REFERENCES api_keys (seq),
    ADD last_used timestamptz;                                  -- at the API or /keys/verify, to some ten seconds
-- Every key that there is gets an allowance of its own, without limits.
-- +goose StatementBegin
DO $$
DECLARE
    k integer;
    a integer;
BEGIN
    FOR k IN SELECT seq FROM api_keys ORDER BY seq LOOP
        INSERT INTO allowances DEFAULT VALUES RETURNING seq INTO a;
        UPDATE api_keys SET allowance = a WHERE seq = k;
    END LOOP;
END
$$;
-- +goose StatementEnd
ALTER TABLE api_keys ALTER allowance SET NOT NULL;
CREATE INDEX api_keys_allowance ON api_keys (allowance);
CREATE INDEX api_keys_rotated_from ON api_keys (rotated_from) WHERE rotated_from IS NOT NULL;

ALTER TABLE users
    ADD role text NOT NULL DEFAULT 'member' CHECK (role IN ('member', 'admin')),   -- within the organisation
    ADD email_confirmed_at timestamptz;
-- Who opened an organisation is its admin.
UPDATE users u SET role = 'admin' WHERE NOT EXISTS (SELECT FROM users o WHERE o.organization = u.organization AND o.seq < u.seq);

-- An organisation that was merged is another name for the one it went into, which is never merged itself. Keys and
-- statistics keep its number, so nothing that was counted moves.
ALTER TABLE organizations ADD merged_into integer REFERENCES organizations (seq) CHECK (merged_into <> seq);
CREATE INDEX organizations_merged ON organizations (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE invitations (
    seq          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           text NOT NULL UNIQUE,          -- "inv_…"
    digest       bytea NOT NULL UNIQUE,         -- HMAC-SHA-256(pepper, SHA-256(token))
    organization integer NOT NULL REFERENCES organizations (seq),
    email        text NOT NULL,
    email_folded text NOT NULL,
    role         text NOT NULL CHECK (role IN ('member', 'admin')),
    mailed       boolean NOT NULL,              -- the token went to the address: who has it reads its mail
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    accepted_at  timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX invitations_organization ON invitations (organization);

-- Tokens that show that whoever holds them reads the mail of a user's address.
CREATE TABLE confirmations (
    digest     bytea PRIMARY KEY,               -- as in invitations
    user_seq   integer NOT NULL REFERENCES users (seq),
    email      text NOT NULL,                   -- the address that the token was sent to
    expires_at timestamptz NOT NULL
);
CREATE INDEX confirmations_user ON confirmations (user_seq);
CREATE INDEX confirmations_expired ON confirmations (expires_at);

-- What was changed, and which data of others an admin read, written in the transaction that did it. Rows are only added.
CREATE TABLE admin_trail (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    actor   text NOT NULL,                      -- "key_…", or "operator" for mirrorctl, "system" for the collector itself
    action  text NOT NULL,                      -- such as key.revoke
    target  text NOT NULL,                      -- id of what it was done to; '' for everybody's data
    client  inet,
    details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX admin_trail_target ON admin_trail (target, seq);
CREATE INDEX admin_trail_actor ON admin_trail (actor, seq);

-- +goose StatementBegin
CREATE FUNCTION keep_admin_trail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of admin_trail are only added';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON admin_trail FOR EACH ROW EXECUTE FUNCTION keep_admin_trail();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON admin_trail FOR EACH STATEMENT EXECUTE FUNCTION keep_admin_trail();

-- Calls refused with a registered key are told apart by the key and the whole address.
ALTER TABLE refused_calls ADD key integer NOT NULL DEFAULT 0;   -- api_keys.seq; 0: no registered key
ALTER TABLE refused_calls DROP CONSTRAINT refused_calls_pkey;
ALTER TABLE refused_calls ADD PRIMARY KEY (minute, key, prefix, fingerprint, reason);

-- Whoever remembers identities hears of everything that is part of one, key by key.
DROP TRIGGER key_changed ON api_keys;
CREATE TRIGGER key_changed AFTER INSERT OR UPDATE OF revoked_at, expires_at, scopes, environment, user_seq, organization, allowance, allowed_addresses ON api_keys
    FOR EACH ROW EXECUTE FUNCTION notify_key_change();
DROP TRIGGER owner_changed ON users;
DROP TRIGGER owner_changed ON organizations;
-- +goose StatementBegin
CREATE FUNCTION notify_keys_of() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('mirrorball_keys', encode(digest, 'hex')) FROM api_keys k
    WHERE CASE TG_TABLE_NAME WHEN 'users' THEN k.user_seq WHEN 'allowances' THEN k.allowance ELSE k.organization END = NEW.seq;
    IF TG_TABLE_NAME = 'organizations' THEN
        PERFORM pg_notify('mirrorball_keys', encode(k.digest, 'hex'))
        FROM organizations o JOIN api_keys k ON k.organization = o.seq WHERE o.merged_into = NEW.seq;
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER owner_changed AFTER UPDATE OF email, role, email_confirmed_at ON users FOR EACH ROW EXECUTE FUNCTION notify_keys_of();
CREATE TRIGGER owner_changed AFTER UPDATE OF name, merged_into ON organizations FOR EACH ROW EXECUTE FUNCTION notify_keys_of();
CREATE TRIGGER allowance_changed AFTER UPDATE ON allowances FOR EACH ROW EXECUTE FUNCTION notify_keys_of();

-- The second lock, for the tables of this file.
GRANT SELECT (allowance, allowed_addresses, rotated_from, last_used) ON api_keys TO mirrorball_reader;
GRANT SELECT ON allowances, admin_trail, refused_calls TO mirrorball_reader;
GRANT SELECT (seq, id, organization, email, email_folded, role, created_at, expires_at, accepted_at, revoked_at) ON invitations TO mirrorball_reader;

ALTER TABLE allowances ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON allowances FOR SELECT TO mirrorball_reader USING (
    (SELECT current_setting('mirrorball.all', true)) = 'on' OR seq IN (SELECT allowance FROM api_keys));
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON invitations FOR SELECT TO mirrorball_reader USING (
    (SELECT current_setting('mirrorball.all', true)) = 'on'
    OR organization = (SELECT nullif(current_setting('mirrorball.organization', true), ''))::int);
ALTER TABLE admin_trail ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON admin_trail FOR SELECT TO mirrorball_reader USING ((SELECT current_setting('mirrorball.all', true)) = 'on');
ALTER TABLE refused_calls ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON refused_calls FOR SELECT TO mirrorball_reader USING (
    key = ANY ((SELECT string_to_array(nullif(current_setting('mirrorball.keys', true), ''), ','))::int[])
    OR (SELECT current_setting('mirrorball.all', true)) = 'on');
ALTER TABLE confirmations ENABLE ROW LEVEL SECURITY;
ALTER TABLE allowance_hours ENABLE ROW LEVEL SECURITY;

-- Users and organisations are seen with their keys. An organisation's admin (organization) sees its members, those without a key
-- too, and not those who have left it, whose keys stay. A key's organisation may be another name for the one that it went into
-- (own_organization).
DROP POLICY reader ON users;
CREATE POLICY reader ON users FOR SELECT TO mirrorball_reader USING (
    (SELECT current_setting('mirrorball.all', true)) = 'on'
    OR CASE WHEN (SELECT nullif(current_setting('mirrorball.organization', true), '')) IS NULL THEN seq IN (SELECT user_seq FROM api_keys)
       ELSE organization = (SELECT nullif(current_setting('mirrorball.organization', true), ''))::int END);
DROP POLICY reader ON organizations;
CREATE POLICY reader ON organizations FOR SELECT TO mirrorball_reader USING (
    (SELECT current_setting('mirrorball.all', true)) = 'on'
    OR seq IN (SELECT organization FROM api_keys)
    OR seq = (SELECT nullif(current_setting('mirrorball.own_organization', true), ''))::int);

-- +goose Down
DROP POLICY reader ON organizations;
CREATE POLICY reader ON organizations FOR SELECT TO mirrorball_reader USING (
    (SELECT current_setting('mirrorball.all', true)) = 'on' OR seq IN (SELECT organization FROM api_keys));
DROP POLICY reader ON users;
CREATE POLICY reader ON users FOR SELECT TO mirrorball_reader USING (
    (SELECT current_setting('mirrorball.all', true)) = 'on' OR seq IN (SELECT user_seq FROM api_keys));
REVOKE ALL ON allowances, admin_trail, refused_calls, invitations FROM mirrorball_reader;
DROP POLICY reader ON refused_calls;
ALTER TABLE refused_calls DISABLE ROW LEVEL SECURITY;
DROP TRIGGER owner_changed ON organizations;
DROP TRIGGER owner_changed ON users;
DROP TRIGGER key_changed ON api_keys;
CREATE TRIGGER key_changed AFTER INSERT OR UPDATE OF revoked_at, expires_at, scopes, environment, user_seq, organization ON api_keys
    FOR EACH ROW EXECUTE FUNCTION notify_key_change();
CREATE TRIGGER owner_changed AFTER UPDATE OF email, organization ON users
    FOR EACH STATEMENT EXECUTE FUNCTION notify_key_change();
CREATE TRIGGER owner_changed AFTER UPDATE OF name ON organizations
    FOR EACH STATEMENT EXECUTE FUNCTION notify_key_change();
DROP TRIGGER allowance_changed ON allowances;
DROP FUNCTION notify_keys_of;
-- What keys told apart is one row again.
WITH gone AS (DELETE FROM refused_calls RETURNING *)
INSERT INTO refused_calls (minute, prefix, fingerprint, reason, count)
SELECT minute, prefix, fingerprint, reason, sum(count) FROM gone GROUP BY 1, 2, 3, 4;
ALTER TABLE refused_calls DROP CONSTRAINT refused_calls_pkey;
ALTER TABLE refused_calls DROP key;
ALTER TABLE refused_calls ADD PRIMARY KEY (minute, prefix, fingerprint, reason);
DROP TABLE admin_trail;
DROP FUNCTION keep_admin_trail;
DROP TABLE confirmations;
DROP TABLE invitations;
ALTER TABLE organizations DROP merged_into;
ALTER TABLE users DROP role, DROP email_confirmed_at;
DROP POLICY reader ON allowances; -- it reads api_keys
ALTER TABLE api_keys DROP allowance, DROP allowed_addresses, DROP rotated_from, DROP last_used;
DROP TABLE allowance_hours;
DROP TABLE allowances;
