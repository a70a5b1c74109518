-- What does the journal know of a section of the configuration? Served by the primary key of accepted.
SELECT key, words
FROM accepted
WHERE section = :section
ORDER BY key
