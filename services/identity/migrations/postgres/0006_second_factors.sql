-- A second factor: an authenticator that shows codes (RFC 6238), and codes on paper for when it is lost.

-- Since when signing in takes it.
ALTER TABLE accounts ADD COLUMN second_factor_at timestamptz;

CREATE TABLE second_factors (
    account_id   uuid        PRIMARY KEY REFERENCES accounts (id),
    -- The shared secret: nonce, ciphertext and tag, and which key of the keyring opens it.
    kek_id       text        NOT NULL CHECK (char_length(kek_id) <= 100),
    secret       bytea       NOT NULL CHECK (octet_length(secret) <= 100),
    created_at   timestamptz NOT NULL,
    -- Since when it counts; absent while it is being set up.
    confirmed_at timestamptz,
    -- Whose code was accepted last: neither it nor an older one is accepted again.
    last_step    bigint      NOT NULL
);

-- Each works once; a row goes when it is used.
CREATE TABLE recovery_codes (
    account_id uuid  NOT NULL REFERENCES accounts (id),
    -- SHA-256 of 120 random bits.
    code_hash  bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    PRIMARY KEY (account_id, code_hash)
);

-- Browsers in which somebody has given the right password and not the second factor yet.
CREATE TABLE sign_in_steps (
    -- SHA-256 of the cookie's 256 random bits and what binds it to the browser.
    token_hash bytea       PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    account_id uuid        NOT NULL REFERENCES accounts (id),
    tries      integer     NOT NULL CHECK (tries >= 0),
    expires_at timestamptz NOT NULL
);

CREATE INDEX sign_in_steps_by_account ON sign_in_steps (account_id);
CREATE INDEX sign_in_steps_by_expiry ON sign_in_steps (expires_at);

-- How somebody proved who they are (RFC 8176), separated by spaces.
ALTER TABLE sessions ADD COLUMN amr text NOT NULL DEFAULT 'pwd' CHECK (char_length(amr) <= 20);
ALTER TABLE authorization_codes ADD COLUMN amr text NOT NULL DEFAULT 'pwd' CHECK (char_length(amr) <= 20);
ALTER TABLE refresh_families ADD COLUMN amr text NOT NULL DEFAULT 'pwd' CHECK (char_length(amr) <= 20);

ALTER TABLE mails DROP CONSTRAINT mails_kind_check;
ALTER TABLE mails ADD CONSTRAINT mails_kind_check
    CHECK (kind IN ('verify_email', 'change_email', 'reset_password', 'address_taken', 'email_changed',
                    'password_changed', 'second_factor_on', 'second_factor_off'));
