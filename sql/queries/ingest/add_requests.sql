-- Adds to the running total of requests to a source. Served by the primary key of request_total.
INSERT INTO request_total (source_id, status_class, requests)
VALUES (:source_id, :status_class, :requests)
ON CONFLICT DO UPDATE SET requests = min(requests + excluded.requests, 4611686018427387904)
