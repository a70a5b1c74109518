-- Which integrations have a status in a campaign? Served by the primary key of integration_status.
SELECT integration FROM integration_status WHERE campaign = :campaign ORDER BY integration
