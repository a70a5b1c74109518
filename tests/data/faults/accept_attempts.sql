DROP TRIGGER no_attempts;
