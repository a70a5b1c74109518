-- Is there anything in this file at all? One scan of sqlite_master, which is tiny.
SELECT count(*) FROM sqlite_master
