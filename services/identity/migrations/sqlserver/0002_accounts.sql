-- Accounts: the twin of postgres/0002_accounts.sql, which explains the columns. Ids are binary(16) in the order
-- of their text. A unique constraint would let one NULL in only, so the index leaves deleted accounts out.
CREATE TABLE accounts (
    id                binary(16)    NOT NULL PRIMARY KEY,
    email             nvarchar(254) NULL,
    email_key         nvarchar(254) COLLATE Latin1_General_BIN2 NULL,
    email_verified_at datetime2(6)  NULL,
    name              nvarchar(200) NOT NULL,
    city              nvarchar(200) NOT NULL,
    language          char(2)       NOT NULL CHECK (language IN ('tr', 'en')),
    password_hash     varchar(300)  COLLATE Latin1_General_BIN2 NULL,
    instructor        bit           NOT NULL,
    admin             bit           NOT NULL,
    locked_at         datetime2(6)  NULL,
    created_at        datetime2(6)  NOT NULL,
    deleted_at        datetime2(6)  NULL,
    version           bigint        NOT NULL CHECK (version > 0),
    CHECK (deleted_at IS NOT NULL OR (email IS NOT NULL AND email_key IS NOT NULL AND password_hash IS NOT NULL)),
    CHECK (deleted_at IS NULL OR (email IS NULL AND email_key IS NULL AND password_hash IS NULL))
);

CREATE UNIQUE INDEX accounts_by_email ON accounts (email_key) WHERE email_key IS NOT NULL;
CREATE INDEX accounts_by_creation ON accounts (created_at DESC, id DESC);

CREATE TABLE sessions (
    id           binary(16)    NOT NULL PRIMARY KEY,
    cookie_hash  binary(32)    NOT NULL UNIQUE,
    account_id   binary(16)    NOT NULL REFERENCES accounts (id),
    auth_time    datetime2(6)  NOT NULL,
    created_at   datetime2(6)  NOT NULL,
    last_seen_at datetime2(6)  NOT NULL,
    expires_at   datetime2(6)  NOT NULL,
    user_agent   nvarchar(400) NOT NULL,
    ended_at     datetime2(6)  NULL
);

CREATE INDEX sessions_by_account ON sessions (account_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE sign_in_failures (
    key_hash      binary(32)   NOT NULL PRIMARY KEY,
    failures      int          NOT NULL CHECK (failures > 0),
    last_at       datetime2(6) NOT NULL,
    blocked_until datetime2(6) NOT NULL,
    expires_at    datetime2(6) NOT NULL
);

CREATE INDEX sign_in_failures_by_expiry ON sign_in_failures (expires_at);

CREATE TABLE known_devices (
    cookie_hash binary(32)   NOT NULL PRIMARY KEY,
    account_id  binary(16)   NOT NULL REFERENCES accounts (id),
    expires_at  datetime2(6) NOT NULL
);

CREATE INDEX known_devices_by_account ON known_devices (account_id);

CREATE TABLE mailed_links (
    token_hash binary(32)    NOT NULL PRIMARY KEY,
    account_id binary(16)    NOT NULL REFERENCES accounts (id),
    purpose    varchar(20)   NOT NULL CHECK (purpose IN ('verify_email', 'change_email', 'reset_password')),
    email      nvarchar(254) NOT NULL,
    created_at datetime2(6)  NOT NULL,
    expires_at datetime2(6)  NOT NULL,
    used_at    datetime2(6)  NULL
);

CREATE INDEX mailed_links_by_account ON mailed_links (account_id);
CREATE INDEX mailed_links_by_expiry ON mailed_links (expires_at);

CREATE TABLE mails (
    id         binary(16)    NOT NULL PRIMARY KEY,
    account_id binary(16)    NOT NULL REFERENCES accounts (id),
    kind       varchar(20)   NOT NULL CHECK (kind IN ('verify_email', 'change_email', 'reset_password',
                                                      'address_taken', 'email_changed', 'password_changed')),
    email      nvarchar(254) NOT NULL,
    language   char(2)       NOT NULL CHECK (language IN ('tr', 'en')),
    attempts   int           NOT NULL CHECK (attempts >= 0),
    created_at datetime2(6)  NOT NULL,
    next_at    datetime2(6)  NOT NULL
);

CREATE INDEX mails_by_next ON mails (next_at);
CREATE INDEX mails_by_account ON mails (account_id);
