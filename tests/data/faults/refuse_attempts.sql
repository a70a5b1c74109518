-- From now on no attempt to reach a recipient can be recorded.
CREATE TRIGGER no_attempts BEFORE UPDATE ON recipient BEGIN SELECT RAISE(ABORT, 'no room'); END;
