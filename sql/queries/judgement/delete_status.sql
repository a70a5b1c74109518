-- Forgets an integration that the judgement no longer knows. Served by the primary key of integration_status.
DELETE FROM integration_status WHERE campaign = :campaign AND integration = :integration
