-- What a buyer wrote is the buyer's: it is not kept where it cannot be erased.
UPDATE ingest.aftersales SET document = (document::jsonb || '{"reason": ""}')::json WHERE document->>'reason' <> '';
UPDATE ingest.requests_ended SET document = (document::jsonb || '{"reason": ""}')::json WHERE document->>'reason' <> '';
