-- A second factor: the twin of postgres/0006_second_factors.sql, which explains the columns.
ALTER TABLE accounts ADD second_factor_at datetime2(6) NULL;

CREATE TABLE second_factors (
    account_id   binary(16)     NOT NULL PRIMARY KEY REFERENCES accounts (id),
    kek_id       varchar(100)   COLLATE Latin1_General_BIN2 NOT NULL,
    secret       varbinary(100) NOT NULL,
    created_at   datetime2(6)   NOT NULL,
    confirmed_at datetime2(6)   NULL,
    last_step    bigint         NOT NULL
);

CREATE TABLE recovery_codes (
    account_id binary(16) NOT NULL REFERENCES accounts (id),
    code_hash  binary(32) NOT NULL,
    PRIMARY KEY (account_id, code_hash)
);

CREATE TABLE sign_in_steps (
    token_hash binary(32)   NOT NULL PRIMARY KEY,
    account_id binary(16)   NOT NULL REFERENCES accounts (id),
    tries      int          NOT NULL CHECK (tries >= 0),
    expires_at datetime2(6) NOT NULL
);

CREATE INDEX sign_in_steps_by_account ON sign_in_steps (account_id);
CREATE INDEX sign_in_steps_by_expiry ON sign_in_steps (expires_at);

ALTER TABLE sessions ADD amr varchar(20) NOT NULL DEFAULT 'pwd';
ALTER TABLE authorization_codes ADD amr varchar(20) NOT NULL DEFAULT 'pwd';
ALTER TABLE refresh_families ADD amr varchar(20) NOT NULL DEFAULT 'pwd';

-- The check of the kinds has no name of ours.
DECLARE @kinds nvarchar(300) = (
    SELECT N'ALTER TABLE mails DROP CONSTRAINT ' + QUOTENAME(name) FROM sys.check_constraints
    WHERE parent_object_id = OBJECT_ID('mails')
      AND parent_column_id = COLUMNPROPERTY(OBJECT_ID('mails'), 'kind', 'ColumnId'));
EXEC (@kinds);
ALTER TABLE mails ADD CONSTRAINT mails_kind_check
    CHECK (kind IN ('verify_email', 'change_email', 'reset_password', 'address_taken', 'email_changed',
                    'password_changed', 'second_factor_on', 'second_factor_off'));
