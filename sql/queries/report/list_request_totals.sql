-- How many requests were made to each source? One scan of request_total; sources by their primary key.
SELECT source.name, request_total.status_class, request_total.requests
FROM request_total
JOIN source ON source.id = request_total.source_id
ORDER BY source.name, request_total.status_class
