-- What moved of one row of stock since a moment, by day of Shanghai; what left with parcels apart. Repairs move no goods.
CREATE FUNCTION inventory.moved_by_day(of_warehouse text, of_sku text, since timestamptz)
RETURNS TABLE (days date[], sold bigint[], net bigint[]) LANGUAGE sql STABLE AS $$
    SELECT array_agg(by_day.day ORDER BY by_day.day), array_agg(by_day.sold ORDER BY by_day.day),
           array_agg(by_day.net ORDER BY by_day.day)
    FROM (
        SELECT (at AT TIME ZONE 'Asia/Shanghai')::date AS day,
               coalesce(-sum(quantity) FILTER (WHERE kind = 'deduction'), 0)::bigint AS sold,
               sum(quantity)::bigint AS net
        FROM inventory.ledger
        WHERE sku = of_sku AND warehouse = of_warehouse AND at >= since AND kind <> 'repair'
        GROUP BY 1
    ) AS by_day
$$;
