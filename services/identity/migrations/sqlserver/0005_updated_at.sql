-- The twin of postgres/0005_updated_at.sql, which explains the column.
ALTER TABLE accounts ADD updated_at datetime2(6) NULL;

CREATE INDEX accounts_by_admin ON accounts (id) WHERE admin = 1;
