-- Orders: the twin of postgres/0002_orders.sql. Ids are binary(16) in the order of their text.
CREATE TABLE orders (
    id        binary(16)    NOT NULL PRIMARY KEY,
    number    varchar(11)   NOT NULL UNIQUE,
    buyer     binary(16)    NOT NULL,
    province  nvarchar(120) NOT NULL,
    district  nvarchar(120) NOT NULL,
    street    nvarchar(240) NOT NULL,
    zip_code  nvarchar(10)  NOT NULL,
    line      nvarchar(400) NOT NULL,
    currency  char(3)       NOT NULL,
    total     bigint        NOT NULL CHECK (total >= 0),
    state     varchar(20)   NOT NULL CHECK (state IN
        ('submitted', 'awaiting_payment', 'paid', 'partly_refunded', 'refunded', 'cancelled')),
    placed_at datetime2(6)  NOT NULL,
    version   bigint        NOT NULL CHECK (version > 0)
);

CREATE INDEX orders_by_buyer ON orders (buyer, placed_at DESC, id DESC);

CREATE TABLE order_lines (
    order_id   binary(16)    NOT NULL REFERENCES orders (id),
    position   smallint      NOT NULL CHECK (position >= 0),
    course_id  binary(16)    NOT NULL,
    name       nvarchar(400) NOT NULL,
    instructor binary(16)    NOT NULL,
    amount     bigint        NOT NULL CHECK (amount >= 0),
    refunded   bit           NOT NULL,
    PRIMARY KEY (order_id, position),
    UNIQUE (order_id, course_id)
);
