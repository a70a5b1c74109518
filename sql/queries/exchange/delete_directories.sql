-- Takes out the directories that an instance has told of. A scan of directory_entry.
DELETE FROM directory_entry WHERE substr(register, 1, length(:prefix)) = :prefix
