-- How many were reached by mail, and how many were given up? One scan of recipient, one row a mail.
SELECT count(*) FILTER (WHERE state = 'sent'), count(*) FILTER (WHERE state = 'given_up')
FROM recipient
