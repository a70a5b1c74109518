-- Adds an answer to the running totals of authentications; from the limit on, new workspaces are counted together as :others. By
-- the primary keys of staged_count, track, name, verdict and authentication_total; for a new workspace a scan of authentication_total.
INSERT INTO authentication_total (workspace, credential, outcome, grade, uses)
SELECT
    CASE
        WHEN EXISTS (SELECT 1 FROM authentication_total WHERE workspace = name.text) THEN name.text
        WHEN (SELECT count(DISTINCT workspace) FROM authentication_total) < :limit THEN name.text
        ELSE :others
    END AS counted_as,
    verdict.credential, verdict.outcome, verdict.grade, CAST(min(total(staged_count.uses), 4611686018427387904) AS INTEGER)
FROM staged_count
JOIN track ON track.id = staged_count.track_id
JOIN name ON name.id = track.workspace_id
JOIN verdict ON verdict.id = staged_count.verdict_id
WHERE staged_count.source_id = :source_id
GROUP BY counted_as, verdict.credential, verdict.outcome, verdict.grade
ON CONFLICT DO UPDATE SET uses = min(uses + excluded.uses, 4611686018427387904)
