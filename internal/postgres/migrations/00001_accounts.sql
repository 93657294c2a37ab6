-- Who may call: organisations, users, keys. Small tables, written rarely.

-- +goose Up
CREATE TABLE organizations (
    seq        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text NOT NULL UNIQUE,          -- "org_…"; what an organisation is
    name       text NOT NULL,                 -- a label; proves nothing and is not unique
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    seq             integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              text NOT NULL UNIQUE,     -- "usr_…"
    email           text NOT NULL,            -- as registered
    email_folded    text NOT NULL,            -- what makes two addresses the same: NFKC, lower case
    name            text NOT NULL DEFAULT '',
    organization    integer NOT NULL REFERENCES organizations (seq),
    use_case        text NOT NULL DEFAULT '',
    expected_volume text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now()
);
-- Not unique on purpose: a second registration of an e-mail opens an account of its own, because an
-- unconfirmed address proves nothing, and an error would tell strangers who is registered.
CREATE INDEX users_email ON users (email_folded);
CREATE INDEX users_organization ON users (organization);

-- Keys are never deleted: events and statistics refer to them by seq.
CREATE TABLE api_keys (
    seq          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           text NOT NULL UNIQUE,        -- "key_…"
    digest       bytea NOT NULL UNIQUE,       -- HMAC-SHA-256(pepper, SHA-256(raw key))
    pepper_id    text NOT NULL,               -- which pepper; the pepper itself is not in this database
    hint         text NOT NULL,               -- kind and last four characters, to tell keys apart by eye
    user_seq     integer REFERENCES users (seq),           -- NULL: the platform's own key
    organization integer REFERENCES organizations (seq),
    environment  text NOT NULL CHECK (environment IN ('sandbox', 'live')),
    scopes       text[] NOT NULL,
    name         text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    -- The last that was claimed through this key, shown beside the verified owner and never used for anything.
    claimed_email        text,
    claimed_organization text,
    claimed_metadata     jsonb,
    claimed_at           timestamptz
);
CREATE INDEX api_keys_user ON api_keys (user_seq);
CREATE INDEX api_keys_organization ON api_keys (organization);
CREATE INDEX api_keys_created ON api_keys (created_at);

-- Facts of the installation, such as the id of the pepper in use.
CREATE TABLE settings (
    name  text PRIMARY KEY,
    value text NOT NULL
);

-- +goose Down
DROP TABLE settings;
DROP TABLE api_keys;
DROP TABLE users;
DROP TABLE organizations;
