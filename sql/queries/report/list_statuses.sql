-- Where did each integration stand last? One scan of integration_status.
SELECT campaign, integration, status
FROM integration_status
ORDER BY campaign, integration
