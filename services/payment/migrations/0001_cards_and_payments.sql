-- Card tokens: what a card is to the provider, for ten minutes. Neither a card's number nor any part of it.
CREATE TABLE card_tokens (
    token_hash     bytea       PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    buyer          uuid        NOT NULL,
    provider_card  text        NOT NULL,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL CHECK (expires_at > created_at),
    -- The order that it was used for: a token pays once.
    used_for_order uuid
);
CREATE INDEX card_tokens_by_expiry ON card_tokens (expires_at);

-- One payment an order, for ever: `order_id` is the key that makes a repeated request the same request.
CREATE TABLE payments (
    id             uuid        PRIMARY KEY,
    order_id       uuid        NOT NULL UNIQUE,
    buyer          uuid        NOT NULL,
    amount         bigint      NOT NULL CHECK (amount > 0),
    currency       text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    provider_card  text        NOT NULL,
    state          text        NOT NULL CHECK (state IN ('pending', 'authorized', 'declined')),
    decline_reason text        CHECK (decline_reason IN ('refused', 'insufficient_funds')),
    created_at     timestamptz NOT NULL,
    version        bigint      NOT NULL DEFAULT 1,
    CONSTRAINT declined_has_reason CHECK ((state = 'declined') = (decline_reason IS NOT NULL))
);

-- The ledger: every movement is a group of entries that sums to zero in each currency.
CREATE TABLE ledger_entries (
    position    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    movement_id uuid        NOT NULL,
    payment_id  uuid        NOT NULL REFERENCES payments (id),
    account     text        NOT NULL CHECK (account IN ('buyers_cards', 'authorized')),
    amount      bigint      NOT NULL CHECK (amount <> 0),
    currency    text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    created_at  timestamptz NOT NULL
);
CREATE INDEX ledger_entries_by_payment ON ledger_entries (payment_id);
CREATE INDEX ledger_entries_by_movement ON ledger_entries (movement_id);

-- Checked at commit, when the movement is complete: what does not balance is not stored.
CREATE FUNCTION ledger_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM ledger_entries WHERE movement_id = NEW.movement_id
        GROUP BY currency HAVING sum(amount) <> 0
    ) THEN
        RAISE EXCEPTION 'movement % does not sum to zero', NEW.movement_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_balances AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_must_balance();

-- What was booked stays: a mistake is corrected by another movement.
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
