-- How many authentications were recorded, as classified then? One scan of authentication_total.
SELECT workspace, credential, outcome, grade, uses
FROM authentication_total
ORDER BY workspace, credential, outcome, grade
