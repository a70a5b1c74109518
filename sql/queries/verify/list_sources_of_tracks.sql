-- Which source showed each track? A scan of track.
SELECT track.id, source.name
FROM track
JOIN source ON source.id = track.source_id
ORDER BY track.id
