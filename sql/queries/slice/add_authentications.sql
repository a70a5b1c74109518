-- Adds an answer to the running totals of authentications. By the primary keys of staged_count, track, name and verdict.
INSERT INTO authentication_total (workspace, credential, outcome, grade, uses)
SELECT name.text, verdict.credential, verdict.outcome, verdict.grade, sum(staged_count.uses)
FROM staged_count
JOIN track ON track.id = staged_count.track_id
JOIN name ON name.id = track.workspace_id
JOIN verdict ON verdict.id = staged_count.verdict_id
WHERE staged_count.source_id = :source_id
GROUP BY name.text, verdict.credential, verdict.outcome, verdict.grade
ON CONFLICT DO UPDATE SET uses = uses + excluded.uses
