-- A user's orders in one status: with only `orders_by_user` a page may read all orders of that user.
--
-- On PostgreSQL writes to `orders` wait while it is built (some seconds per million orders); the API answers 503 and
-- results stay in their queue meanwhile. Where that is too long, build it beforehand, under this name:
-- CREATE INDEX CONCURRENTLY orders_by_user_and_status ON orders (user_id, status, order_id);
CREATE INDEX IF NOT EXISTS orders_by_user_and_status ON orders (user_id, status, order_id);
