-- What clients were given: the twin of postgres/0004_grants.sql, which explains the columns.
CREATE TABLE authorization_codes (
    code_hash      binary(32)     NOT NULL PRIMARY KEY,
    client_id      varchar(64)    COLLATE Latin1_General_BIN2 NOT NULL,
    account_id     binary(16)     NOT NULL REFERENCES accounts (id),
    session_id     binary(16)     NOT NULL REFERENCES sessions (id),
    redirect_uri   nvarchar(2000) NOT NULL,
    scope          varchar(1000)  NOT NULL,
    nonce          nvarchar(500)  NULL,
    code_challenge varchar(128)   COLLATE Latin1_General_BIN2 NOT NULL,
    auth_time      datetime2(6)   NOT NULL,
    issued_at      datetime2(6)   NOT NULL,
    expires_at     datetime2(6)   NOT NULL,
    used_at        datetime2(6)   NULL,
    family_id      binary(16)     NULL
);

CREATE INDEX authorization_codes_by_expiry ON authorization_codes (expires_at);

CREATE TABLE refresh_families (
    id            binary(16)    NOT NULL PRIMARY KEY,
    client_id     varchar(64)   COLLATE Latin1_General_BIN2 NOT NULL,
    account_id    binary(16)    NOT NULL REFERENCES accounts (id),
    session_id    binary(16)    NULL REFERENCES sessions (id),
    scope         varchar(1000) NOT NULL,
    auth_time     datetime2(6)  NOT NULL,
    current_hash  binary(32)    NOT NULL,
    previous_hash binary(32)    NULL,
    salt          binary(32)    NULL,
    rotated_at    datetime2(6)  NOT NULL,
    created_at    datetime2(6)  NOT NULL,
    idle_until    datetime2(6)  NOT NULL,
    expires_at    datetime2(6)  NOT NULL,
    revoked_at    datetime2(6)  NULL
);

CREATE INDEX refresh_families_by_account ON refresh_families (account_id) WHERE revoked_at IS NULL;
CREATE INDEX refresh_families_by_session ON refresh_families (session_id) WHERE revoked_at IS NULL;
CREATE INDEX refresh_families_by_client ON refresh_families (client_id) WHERE revoked_at IS NULL;
CREATE INDEX refresh_families_by_expiry ON refresh_families (expires_at);

CREATE TABLE consents (
    account_id binary(16)    NOT NULL REFERENCES accounts (id),
    client_id  varchar(64)   COLLATE Latin1_General_BIN2 NOT NULL,
    scope      varchar(1000) NOT NULL,
    given_at   datetime2(6)  NOT NULL,
    PRIMARY KEY (account_id, client_id)
);

CREATE TABLE used_assertions (
    jti_hash   binary(32)   NOT NULL PRIMARY KEY,
    expires_at datetime2(6) NOT NULL
);

CREATE INDEX used_assertions_by_expiry ON used_assertions (expires_at);

CREATE TABLE revoked_tokens (
    jti_hash   binary(32)   NOT NULL PRIMARY KEY,
    expires_at datetime2(6) NOT NULL
);

CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);
