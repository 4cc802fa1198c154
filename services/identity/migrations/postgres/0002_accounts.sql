-- Accounts: who somebody is. A deleted account keeps its row, without anything personal in it, so that its id
-- never belongs to somebody else.
CREATE TABLE accounts (
    id                uuid        PRIMARY KEY,
    -- As it was typed, and as it is compared (NFC, lower case). Both are absent once deleted.
    email             text        CHECK (char_length(email) <= 254),
    email_key         text        UNIQUE CHECK (char_length(email_key) <= 254),
    email_verified_at timestamptz,
    name              text        NOT NULL CHECK (char_length(name) <= 100),
    city              text        NOT NULL CHECK (char_length(city) <= 100),
    -- The language of mails: tr or en.
    language          text        NOT NULL CHECK (language IN ('tr', 'en')),
    -- Argon2id in PHC form; absent once deleted.
    password_hash     text        CHECK (char_length(password_hash) <= 300),
    instructor        boolean     NOT NULL,
    admin             boolean     NOT NULL,
    -- An administrator's lock: no sign-in, no token.
    locked_at         timestamptz,
    created_at        timestamptz NOT NULL,
    deleted_at        timestamptz,
    -- Of the aggregate: each change adds one; events and ETags carry it.
    version           bigint      NOT NULL CHECK (version > 0),
    CHECK (deleted_at IS NOT NULL OR (email IS NOT NULL AND email_key IS NOT NULL AND password_hash IS NOT NULL)),
    CHECK (deleted_at IS NULL OR (email IS NULL AND email_key IS NULL AND password_hash IS NULL))
);

-- The administrator's list, newest first.
CREATE INDEX accounts_by_creation ON accounts (created_at DESC, id DESC);

-- A browser that somebody signed in with.
CREATE TABLE sessions (
    -- `sid` in tokens.
    id           uuid        PRIMARY KEY,
    -- SHA-256 of the cookie's 256 random bits.
    cookie_hash  bytea       NOT NULL UNIQUE CHECK (octet_length(cookie_hash) = 32),
    account_id   uuid        NOT NULL REFERENCES accounts (id),
    -- When the password was last given.
    auth_time    timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    -- Whatever happens, not longer than this.
    expires_at   timestamptz NOT NULL,
    -- Shown to its owner, cut to 200 characters.
    user_agent   text        NOT NULL CHECK (char_length(user_agent) <= 200),
    ended_at     timestamptz
);

CREATE INDEX sessions_by_account ON sessions (account_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Failures to sign in, by account, by address and by known device.
CREATE TABLE sign_in_failures (
    -- SHA-256 of the kind and the value: neither e-mail nor address is kept.
    key_hash     bytea       PRIMARY KEY CHECK (octet_length(key_hash) = 32),
    failures     integer     NOT NULL CHECK (failures > 0),
    last_at      timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL,
    -- Forgotten from here on.
    expires_at   timestamptz NOT NULL
);

CREATE INDEX sign_in_failures_by_expiry ON sign_in_failures (expires_at);

-- Browsers from which an account was signed in to: failures elsewhere don't lock them out.
CREATE TABLE known_devices (
    -- SHA-256 of the cookie's 256 random bits.
    cookie_hash bytea       PRIMARY KEY CHECK (octet_length(cookie_hash) = 32),
    account_id  uuid        NOT NULL REFERENCES accounts (id),
    expires_at  timestamptz NOT NULL
);

CREATE INDEX known_devices_by_account ON known_devices (account_id);

-- Links that were mailed; each works once.
CREATE TABLE mailed_links (
    -- SHA-256 of the link's 256 random bits.
    token_hash bytea       PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    account_id uuid        NOT NULL REFERENCES accounts (id),
    purpose    text        NOT NULL CHECK (purpose IN ('verify_email', 'change_email', 'reset_password')),
    -- The address that is verified or changed to.
    email      text        NOT NULL CHECK (char_length(email) <= 254),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);

CREATE INDEX mailed_links_by_account ON mailed_links (account_id);
CREATE INDEX mailed_links_by_expiry ON mailed_links (expires_at);

-- Mails that wait to be sent, written with the change that they are about; a row goes once the mail is on its
-- way, or after a day. The links in them are made when they are sent, so that no table holds one.
CREATE TABLE mails (
    id         uuid        PRIMARY KEY,
    account_id uuid        NOT NULL REFERENCES accounts (id),
    kind       text        NOT NULL CHECK (kind IN ('verify_email', 'change_email', 'reset_password',
                                                    'address_taken', 'email_changed', 'password_changed')),
    email      text        NOT NULL CHECK (char_length(email) <= 254),
    language   text        NOT NULL CHECK (language IN ('tr', 'en')),
    attempts   integer     NOT NULL CHECK (attempts >= 0),
    created_at timestamptz NOT NULL,
    -- Tried from here on; moved on by whoever tries, so that no other replica tries at the same time.
    next_at    timestamptz NOT NULL
);

CREATE INDEX mails_by_next ON mails (next_at);
CREATE INDEX mails_by_account ON mails (account_id);
