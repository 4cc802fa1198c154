-- Outbox, inbox and idempotency of one service. Included by the service's own migrations, unchanged.

-- What has to be published, written in the transaction of the change it tells of.
create table outbox (
    position          bigint generated always as identity primary key,
    event_id          uuid not null unique,
    lane              smallint not null check (lane between 0 and 15),
    aggregate_id      text not null,
    aggregate_version bigint not null,
    exchange          text not null,
    routing_key       text not null,
    mandatory         boolean not null,
    body              text not null,
    created_at        timestamptz not null default now(),
    published_at      timestamptz
);
create index outbox_unpublished on outbox (lane, position) where published_at is null;
create index outbox_published on outbox (published_at) where published_at is not null;

-- Which replica publishes which lane, until when. An aggregate always falls into the same lane.
create table outbox_lane (
    lane  smallint primary key,
    owner uuid,
    until timestamptz not null default '-infinity'
);
insert into outbox_lane (lane) select generate_series(0, 15);

-- What has been handled, written in the transaction of the effect.
create table inbox (
    consumer   text not null,
    source     text not null,
    event_id   uuid not null,
    handled_at timestamptz not null default now(),
    primary key (consumer, source, event_id)
);
create index inbox_handled_at on inbox (handled_at);

-- What has been answered, written in the transaction of the effect. `status` and `body` stay null where the
-- answer is derived from the resource.
create table idempotency (
    principal   text not null,
    route       text not null,
    key         text not null,
    body_hmac   bytea not null,
    resource_id uuid,
    status      smallint,
    body        text,
    expires_at  timestamptz not null,
    primary key (principal, route, key)
);
create index idempotency_expires_at on idempotency (expires_at);
