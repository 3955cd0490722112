-- One text for SQLite and PostgreSQL: ids are TEXT, money is BIGINT in minor units, times are BIGINT milliseconds since 1970.

-- The ledger: one row per order, so an order is charged at most once.
CREATE TABLE payments (
    order_id    TEXT   PRIMARY KEY, -- also the idempotency key of the charge
    payment_id  TEXT   NOT NULL,
    amount      BIGINT NOT NULL,
    currency    TEXT   NOT NULL,
    state       TEXT   NOT NULL,    -- CHARGING, SUCCEEDED or DECLINED; the last two are final
    attempt     BIGINT NOT NULL,    -- the fencing number: only the latest attempt may write
    lease_until BIGINT NOT NULL,    -- until then nobody else may begin another attempt
    charge_id   TEXT,               -- the provider's id of the charge
    reason      TEXT,               -- why it was declined
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);

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
