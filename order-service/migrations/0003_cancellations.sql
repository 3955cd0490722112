-- An order can be taken back. The statuses of `orders.status`:
--   PENDING -> PAID | DECLINED
--   PENDING | PAID -> CANCELLING -> CANCELLED | REFUNDED
ALTER TABLE orders ADD COLUMN cancellation_id TEXT;     -- the id of the event that tells of it
ALTER TABLE orders ADD COLUMN cancellation_reason TEXT; -- in the client's words

-- What a key was used for: a replay is answered as the first time.
ALTER TABLE idempotency_keys ADD COLUMN cancellation_id TEXT; -- the request's own id; NULL: it has placed the order
ALTER TABLE idempotency_keys ADD COLUMN reason TEXT;          -- that was given with the request
ALTER TABLE idempotency_keys ADD COLUMN status TEXT;          -- that was answered
ALTER TABLE idempotency_keys ADD COLUMN updated_at BIGINT;    -- that was answered
