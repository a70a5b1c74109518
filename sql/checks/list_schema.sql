-- What does the schema consist of? One scan of sqlite_master; automatic indexes follow from the tables.
SELECT type, name, tbl_name, sql
FROM sqlite_master
WHERE sql IS NOT NULL
ORDER BY type, name
