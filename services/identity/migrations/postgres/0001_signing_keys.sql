-- Keys that sign tokens. The private half is encrypted with a key that is not in this database.
CREATE TABLE signing_keys (
    kid         text        PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{43}$'),
    -- 1, 2, 3 …: two replicas that make the next key at the same time make one.
    generation  bigint      NOT NULL UNIQUE CHECK (generation > 0),
    algorithm   text        NOT NULL CHECK (algorithm = 'ES256'),
    -- The point on P-256, uncompressed (SEC 1 §2.3.3).
    public_key  bytea       NOT NULL CHECK (octet_length(public_key) = 65),
    -- PKCS #8 under AES-256-GCM with the kid as associated data: the nonce, then the ciphertext with its tag.
    private_key bytea       NOT NULL,
    -- Which key of the keyring opens it.
    kek_id      text        NOT NULL,
    created_at  timestamptz NOT NULL,
    -- In the JWKS from here on …
    published_at timestamptz NOT NULL,
    -- … signs from here on, a day later so that every verifier knows it (the first key at once) …
    not_before  timestamptz NOT NULL CHECK (not_before >= published_at),
    -- … and from here on is trusted no more.
    retired_at  timestamptz CHECK (retired_at >= created_at)
);
