-- outside a transaction
-- The results of commands are forgotten in the order in which they were given (chassis/forgetting.py).
CREATE INDEX CONCURRENTLY IF NOT EXISTS commands_settled_by_age ON chassis.commands_settled (settled_at);
