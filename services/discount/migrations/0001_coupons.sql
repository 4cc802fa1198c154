-- Coupons: what a code takes off, for whom and when.
CREATE TABLE coupons (
    id          uuid PRIMARY KEY,
    owner       uuid        NOT NULL,
    code        text        NOT NULL UNIQUE CHECK (code ~ '^[A-Z0-9-]{4,32}$'),
    percent     smallint    CHECK (percent BETWEEN 1 AND 100),
    amount      bigint      CHECK (amount > 0),
    currency    text        CHECK (currency ~ '^[A-Z]{3}$'),
    course_id   uuid,
    valid_from  timestamptz NOT NULL,
    valid_until timestamptz CHECK (valid_until > valid_from),
    created_at  timestamptz NOT NULL,
    version     bigint      NOT NULL DEFAULT 1,
    CONSTRAINT one_reduction CHECK ((percent IS NULL) <> (amount IS NULL)),
    CONSTRAINT amount_has_currency CHECK ((amount IS NULL) = (currency IS NULL))
);

-- An owner's list, newest first; the id makes the order total for cursors.
CREATE INDEX coupons_by_owner ON coupons (owner, created_at DESC, id DESC);
