-- Who had a payout that was given up asked about again, when and why: a copy of what the account keeps.
ALTER TABLE refunds.cases ADD COLUMN resumptions json NOT NULL DEFAULT '[]';
