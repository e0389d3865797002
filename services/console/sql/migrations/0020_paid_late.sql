-- Orders that were paid for when they were cancelled: few, and they keep the flag until the money is back.
CREATE INDEX cards_paid_late ON console.cards (placed_at) WHERE strpos(flags, ' paid_late ') > 0;
-- How few they are: see 0019.
CREATE STATISTICS console.cards_paid_late ON (strpos(flags, ' paid_late ')) FROM console.cards;
ANALYZE console.cards;
