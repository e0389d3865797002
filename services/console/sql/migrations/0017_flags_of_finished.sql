-- Flags of orders that are over: what nobody can or need do any more is not shown (domain/model.py).
UPDATE console.cards
SET flags = coalesce(
    (
        SELECT ' ' || string_agg(told.flag, ' ' ORDER BY told.place) || ' '
        FROM unnest(string_to_array(trim(flags), ' ')) WITH ORDINALITY AS told (flag, place)
        WHERE told.flag IN ('after_sale', 'payout', 'double_refund', 'refunded', 'write_back_refused', 'quarantined')
    ),
    ''
)
WHERE state IN ('completed', 'cancelled') AND flags <> '';
