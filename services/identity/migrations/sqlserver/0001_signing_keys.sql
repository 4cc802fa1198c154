-- Keys that sign tokens: the twin of postgres/0001_signing_keys.sql, which explains the columns.
CREATE TABLE signing_keys (
    kid          varchar(43)    COLLATE Latin1_General_BIN2 NOT NULL PRIMARY KEY CHECK (len(kid) = 43),
    generation   bigint         NOT NULL UNIQUE CHECK (generation > 0),
    algorithm    varchar(10)    NOT NULL CHECK (algorithm = 'ES256'),
    public_key   varbinary(65)  NOT NULL CHECK (datalength(public_key) = 65),
    private_key  varbinary(500) NOT NULL,
    kek_id       nvarchar(100)  NOT NULL,
    created_at   datetime2(6)   NOT NULL,
    published_at datetime2(6)   NOT NULL,
    not_before   datetime2(6)   NOT NULL,
    retired_at   datetime2(6)   NULL,
    CHECK (not_before >= published_at),
    CHECK (retired_at >= created_at)
);
