-- What a request looked like at its end, and which of its refunds that end is of; NULL where it never became one. Of ends
-- that are still to be told, as far as is known.
ALTER TABLE ingest.requests_ended ADD COLUMN document json, ADD COLUMN refund_id text;
UPDATE ingest.requests_ended AS e SET document = a.document, refund_id = a.refund_id
FROM ingest.aftersales AS a
WHERE NOT e.told AND a.channel = e.channel AND a.shop = e.shop AND a.refund_no = e.refund_no;
