-- Keeps what a report said of a campaign. Served by the primary key of told.
INSERT INTO told (channel, audience, occurrence_ms, campaign, told_ms, remaining, changes)
VALUES (:channel, :audience, :occurrence_ms, :campaign, :told_ms, :remaining, :changes)
ON CONFLICT DO NOTHING
