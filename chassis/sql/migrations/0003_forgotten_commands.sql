-- The results of commands are forgotten in the order in which they were given (chassis/forgetting.py).
CREATE INDEX commands_settled_by_age ON chassis.commands_settled (settled_at);
