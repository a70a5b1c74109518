-- Which events did the calendar tell, and how? A scan of calendar_event, one row an event.
SELECT uid, starts_ms, ends_ms, words, sequence, revised_ms
FROM calendar_event
ORDER BY uid
