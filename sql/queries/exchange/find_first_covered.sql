-- When did anybody look first? One scan of coverage.
SELECT min(from_ms) FROM coverage
