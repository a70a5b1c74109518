-- Puts another text where one stood. A scan of cursor.
UPDATE cursor SET value = :new WHERE key = 'odd' AND value = :old
