-- One text for SQLite and PostgreSQL: ids are TEXT, money is BIGINT in minor units, times are BIGINT milliseconds since 1970.

CREATE TABLE orders (
    order_id   TEXT   PRIMARY KEY, -- UUIDv7: the order of ids is the order of placing
    user_id    TEXT   NOT NULL,
    amount     BIGINT NOT NULL,
    currency   TEXT   NOT NULL,
    status     TEXT   NOT NULL,    -- PENDING, PAID or DECLINED; the last two are final
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX orders_by_user ON orders (user_id, order_id);
CREATE INDEX orders_by_status ON orders (status, order_id);

-- Which order a client's Idempotency-Key has made.
CREATE TABLE idempotency_keys (
    idempotency_key TEXT   PRIMARY KEY,
    order_id        TEXT   NOT NULL,
    created_at      BIGINT NOT NULL
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- See crates/messaging/src/outbox.rs.
CREATE TABLE outbox (
    id          TEXT   PRIMARY KEY,
    subject     TEXT   NOT NULL,
    body        TEXT   NOT NULL,
    traceparent TEXT   NOT NULL,
    attempts    BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT NOT NULL DEFAULT 0,
    fault       TEXT
);
CREATE INDEX outbox_due ON outbox (lease_until, id);
