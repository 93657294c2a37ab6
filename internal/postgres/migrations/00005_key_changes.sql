-- Who waits for changes of keys hears of them, whatever program made the change.

-- +goose Up
-- The payload is the digest of the key that changed, in hex, or '' when any may have.
-- +goose StatementBegin
CREATE FUNCTION notify_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'api_keys' THEN
        PERFORM pg_notify('mirrorball_keys', encode(NEW.digest, 'hex'));
    ELSE
        PERFORM pg_notify('mirrorball_keys', '');
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
-- Claims are left out: they are no part of an identity.
CREATE TRIGGER key_changed AFTER INSERT OR UPDATE OF revoked_at, expires_at, scopes, environment, user_seq, organization ON api_keys
    FOR EACH ROW EXECUTE FUNCTION notify_key_change();
CREATE TRIGGER owner_changed AFTER UPDATE OF email, organization ON users
    FOR EACH STATEMENT EXECUTE FUNCTION notify_key_change();
CREATE TRIGGER owner_changed AFTER UPDATE OF name ON organizations
    FOR EACH STATEMENT EXECUTE FUNCTION notify_key_change();

-- +goose Down
DROP TRIGGER owner_changed ON organizations;
DROP TRIGGER owner_changed ON users;
DROP TRIGGER key_changed ON api_keys;
DROP FUNCTION notify_key_change;
