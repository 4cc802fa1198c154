-- Orders: what was bought, as it was. Amounts are minor units of the order's one currency.
CREATE TABLE orders (
    id        uuid        PRIMARY KEY,
    number    text        NOT NULL UNIQUE,
    buyer     uuid        NOT NULL,
    province  text        NOT NULL,
    district  text        NOT NULL,
    street    text        NOT NULL,
    zip_code  text        NOT NULL,
    line      text        NOT NULL,
    currency  text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    total     bigint      NOT NULL CHECK (total >= 0),
    state     text        NOT NULL CHECK (state IN
        ('submitted', 'awaiting_payment', 'paid', 'partly_refunded', 'refunded', 'cancelled')),
    placed_at timestamptz NOT NULL,
    version   bigint      NOT NULL CHECK (version > 0)
);

-- A buyer's list, newest first; the id makes the order total for cursors.
CREATE INDEX orders_by_buyer ON orders (buyer, placed_at DESC, id DESC);

CREATE TABLE order_lines (
    order_id   uuid     NOT NULL REFERENCES orders (id),
    position   smallint NOT NULL CHECK (position >= 0),
    course_id  uuid     NOT NULL,
    name       text     NOT NULL,
    instructor uuid     NOT NULL,
    amount     bigint   NOT NULL CHECK (amount >= 0),
    refunded   boolean  NOT NULL,
    PRIMARY KEY (order_id, position),
    UNIQUE (order_id, course_id)
);
