-- Adds to the running total of authentications. Served by the primary key of authentication_total.
INSERT INTO authentication_total (workspace, credential, outcome, grade, uses)
VALUES (:workspace, :credential, :outcome, :grade, :uses)
ON CONFLICT DO UPDATE SET uses = uses + excluded.uses
