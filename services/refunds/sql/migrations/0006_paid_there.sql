-- The channel says that it paid while our payout was under way: it is asked about, and not sent again.
ALTER TABLE refunds.payouts ADD COLUMN paid_there boolean NOT NULL DEFAULT false;
