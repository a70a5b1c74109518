-- How many requests were made to each source? One scan of source by name; totals by the primary key of
-- request_total.
SELECT source.name, request_total.status_class, request_total.requests
FROM request_total
JOIN source ON source.id = request_total.source_id
ORDER BY source.name, request_total.status_class
