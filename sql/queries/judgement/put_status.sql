-- Sets where an integration stands; the same status writes nothing. Served by the primary key of integration_status.
INSERT INTO integration_status (campaign, integration, status)
VALUES (:campaign, :integration, :status)
ON CONFLICT DO UPDATE SET status = excluded.status
WHERE status <> excluded.status
