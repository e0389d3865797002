-- Orders with a payout that waits for a person: few, and counted for every page of the list.
CREATE INDEX cards_payout ON console.cards (placed_at) WHERE strpos(flags, ' payout ') > 0;
