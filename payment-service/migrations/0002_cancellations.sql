-- An order can be taken back. The states of `payments.state`:
--   CHARGING -> SUCCEEDED | DECLINED
--   no row -> CANCELLED (the mark that keeps an order from being charged that comes after its cancellation)
--   DECLINED -> CANCELLED
--   SUCCEEDED, or CHARGING whose lease is over -> CANCELLING -> REFUNDED | CANCELLED
ALTER TABLE payments ADD COLUMN refund_id TEXT;                            -- this service's id of the cancellation and its refund
ALTER TABLE payments ADD COLUMN provider_refund_id TEXT;                   -- the provider's id of the refund
ALTER TABLE payments ADD COLUMN refund_attempts BIGINT NOT NULL DEFAULT 0; -- how often the refund has been asked for
