-- As in the documentation of crates/outbox/src/lib.rs.
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
