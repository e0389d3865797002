-- What the amounts of each row are in.
ALTER TABLE refunds.cases ADD COLUMN currency text NOT NULL DEFAULT 'CNY';
ALTER TABLE refunds.payouts ADD COLUMN currency text NOT NULL DEFAULT 'CNY';
ALTER TABLE refunds.double_refunds ADD COLUMN currency text NOT NULL DEFAULT 'CNY';
