-- Which change of status was recorded last? 0: none. By the primary key.
SELECT coalesce(max(id), 0) FROM status_change
