-- Outbox, inbox and idempotency of one service on SQL Server: the twin of postgres.sql. Ids are binary(16)
-- in the order of their text; the database runs with READ_COMMITTED_SNAPSHOT ON.

create table outbox (
    position          bigint identity primary key,
    event_id          binary(16) not null unique,
    lane              smallint not null check (lane between 0 and 15),
    aggregate_id      nvarchar(200) not null,
    aggregate_version bigint not null,
    exchange          nvarchar(100) not null,
    routing_key       nvarchar(200) not null,
    mandatory         bit not null,
    body              nvarchar(max) not null,
    created_at        datetime2 not null default sysutcdatetime(),
    published         bit not null default 0,
    published_at      datetime2
);
create index outbox_unpublished on outbox (published, lane, position);

create table outbox_lane (
    lane  smallint primary key,
    owner binary(16),
    until datetime2 not null default '0001-01-01'
);
insert into outbox_lane (lane) values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15);

create table inbox (
    consumer   nvarchar(100) not null,
    source     nvarchar(100) not null,
    event_id   binary(16) not null,
    handled_at datetime2 not null default sysutcdatetime(),
    primary key (consumer, source, event_id)
);
create index inbox_handled_at on inbox (handled_at);

create table idempotency (
    principal   nvarchar(100) not null,
    route       nvarchar(100) not null,
    [key]       nvarchar(255) collate Latin1_General_BIN2 not null,
    body_hmac   binary(32) not null,
    resource_id binary(16),
    status      smallint,
    body        nvarchar(max),
    expires_at  datetime2 not null,
    primary key (principal, route, [key])
);
create index idempotency_expires_at on idempotency (expires_at);
