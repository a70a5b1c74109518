-- Which alarms went out and are not over? A scan of alarm, a few rows.
SELECT kind, about, since_ms, reason
FROM alarm
ORDER BY kind, about
