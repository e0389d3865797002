-- A list of one channel's orders reads that channel's only: in the order of all, few among many are far apart.
CREATE INDEX cards_channel ON console.cards (channel, placed_at);
-- Most flags are of orders that are not over, and few: they are not looked for among all that once had an after-sale.
CREATE INDEX cards_hindered ON console.cards (placed_at) WHERE flags <> '' AND state NOT IN ('completed', 'cancelled');
-- How few have a flag that outlives its order: without, the planner takes any for a third of all and overlooks its small index.
CREATE STATISTICS console.cards_flags ON
    strpos(flags, ' payout '), strpos(flags, ' double_refund '), strpos(flags, ' write_back_refused '),
    strpos(flags, ' after_sale '), strpos(flags, ' refunded ')
FROM console.cards;
ANALYZE console.cards;
