-- When what describes a person was changed last (the claim `updated_at`). Absent in rows of before it was kept: then
-- it is when the account was made.
ALTER TABLE accounts ADD COLUMN updated_at timestamptz;

-- Whoever takes the role from an administrator looks at all of them.
CREATE INDEX accounts_by_admin ON accounts (id) WHERE admin;
