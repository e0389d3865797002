-- Orders with money that may have gone twice: few, and counted for every page of the list.
CREATE INDEX cards_double_refund ON console.cards (placed_at) WHERE strpos(flags, ' double_refund ') > 0;
