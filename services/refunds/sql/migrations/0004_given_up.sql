-- Why a payout needs a person; and those that do already are due until it was told, like any other.
ALTER TABLE refunds.payouts ADD COLUMN gave_up text NOT NULL DEFAULT '';
UPDATE refunds.payouts SET due_at = clock_timestamp() WHERE stage = 'needs_person';
