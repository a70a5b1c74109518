-- Adds to the running total of authentications; from the limit on, new workspaces are counted together as :others. Served by the
-- primary key of authentication_total; for a new workspace a scan of authentication_total.
INSERT INTO authentication_total (workspace, credential, outcome, grade, uses)
SELECT
    CASE
        WHEN EXISTS (SELECT 1 FROM authentication_total WHERE workspace = :workspace) THEN :workspace
        WHEN (SELECT count(DISTINCT workspace) FROM authentication_total) < :limit THEN :workspace
        ELSE :others
    END,
    :credential, :outcome, :grade, :uses
WHERE true
ON CONFLICT DO UPDATE SET uses = min(uses + excluded.uses, 4611686018427387904)
