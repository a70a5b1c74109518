-- A store that takes small writes and no page: what a disk does that is nearly full.
CREATE TRIGGER refuse_coverage BEFORE INSERT ON coverage
BEGIN
    SELECT RAISE(ABORT, 'no room');
END;
