-- What clients were given. A token is never kept, only the SHA-256 of it; its 256 random bits need no slower hash.

-- Authorization codes (RFC 6749 §4.1.2): single use, a minute long.
CREATE TABLE authorization_codes (
    code_hash      bytea       PRIMARY KEY CHECK (octet_length(code_hash) = 32),
    client_id      text        NOT NULL,
    account_id     uuid        NOT NULL REFERENCES accounts (id),
    session_id     uuid        NOT NULL REFERENCES sessions (id),
    redirect_uri   text        NOT NULL,
    scope          text        NOT NULL,
    nonce          text,
    -- S256 only (RFC 7636).
    code_challenge text        NOT NULL,
    auth_time      timestamptz NOT NULL,
    issued_at      timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    used_at        timestamptz,
    -- What it was exchanged for, revoked when it is used again (RFC 9700 §2.1.1).
    family_id      uuid
);

CREATE INDEX authorization_codes_by_expiry ON authorization_codes (expires_at);

-- A chain of refresh tokens, of which the last one is valid. A token names its family; the family's row says
-- which token is the current one, so a rotation is one UPDATE and knows reuse by what it does not match.
CREATE TABLE refresh_families (
    id            uuid        PRIMARY KEY,
    client_id     text        NOT NULL,
    account_id    uuid        NOT NULL REFERENCES accounts (id),
    -- Absent when it came from the password grant.
    session_id    uuid        REFERENCES sessions (id),
    scope         text        NOT NULL,
    auth_time     timestamptz NOT NULL,
    current_hash  bytea       NOT NULL CHECK (octet_length(current_hash) = 32),
    -- The token before: within the grace it gives the same successor, which is an HMAC of it under the salt.
    previous_hash bytea       CHECK (octet_length(previous_hash) = 32),
    salt          bytea       CHECK (octet_length(salt) = 32),
    rotated_at    timestamptz NOT NULL,
    created_at    timestamptz NOT NULL,
    -- Sliding and absolute end.
    idle_until    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz
);

CREATE INDEX refresh_families_by_account ON refresh_families (account_id) WHERE revoked_at IS NULL;
CREATE INDEX refresh_families_by_session ON refresh_families (session_id) WHERE revoked_at IS NULL;
CREATE INDEX refresh_families_by_client ON refresh_families (client_id) WHERE revoked_at IS NULL;
CREATE INDEX refresh_families_by_expiry ON refresh_families (expires_at);

-- What somebody has agreed to give to a client that is not ours.
CREATE TABLE consents (
    account_id uuid        NOT NULL REFERENCES accounts (id),
    client_id  text        NOT NULL,
    scope      text        NOT NULL,
    given_at   timestamptz NOT NULL,
    PRIMARY KEY (account_id, client_id)
);

-- Client assertions that were used (RFC 7523 §3, jti), and access tokens that were revoked before their end.
CREATE TABLE used_assertions (
    jti_hash   bytea       PRIMARY KEY CHECK (octet_length(jti_hash) = 32),
    expires_at timestamptz NOT NULL
);

CREATE INDEX used_assertions_by_expiry ON used_assertions (expires_at);

CREATE TABLE revoked_tokens (
    jti_hash   bytea       PRIMARY KEY CHECK (octet_length(jti_hash) = 32),
    expires_at timestamptz NOT NULL
);

CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);
