-- What moved of a SKU since a moment, by warehouse and day of Shanghai; what left with parcels apart. Repairs move no goods.
-- It reads the entries of the SKU once, for all warehouses. `moved_by_day` did so for each of them; it stays for processes
-- of the version before, while they are replaced.
CREATE FUNCTION inventory.moved_of_sku(of_sku text, since timestamptz)
RETURNS TABLE (warehouse text, days date[], sold bigint[], net bigint[]) LANGUAGE sql STABLE AS $$
    SELECT by_day.warehouse, array_agg(by_day.day ORDER BY by_day.day), array_agg(by_day.sold ORDER BY by_day.day),
           array_agg(by_day.net ORDER BY by_day.day)
    FROM (
        SELECT ledger.warehouse, (at AT TIME ZONE 'Asia/Shanghai')::date AS day,
               coalesce(-sum(quantity) FILTER (WHERE kind = 'deduction'), 0)::bigint AS sold,
               sum(quantity)::bigint AS net
        FROM inventory.ledger
        WHERE sku = of_sku AND at >= since AND kind <> 'repair'
        GROUP BY 1, 2
    ) AS by_day
    GROUP BY 1
$$;
