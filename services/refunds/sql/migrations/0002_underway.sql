-- Gateways that take a request and move the money days later are asked patiently, and counted apart.
ALTER TABLE refunds.payouts ADD COLUMN underway int NOT NULL DEFAULT 0;
