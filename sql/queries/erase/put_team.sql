-- Puts another text where one stood. A scan of directory_entry.
UPDATE directory_entry SET team = :new WHERE team = :old
