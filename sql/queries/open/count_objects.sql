-- Is there anything in this file at all? Reads the schema table.
SELECT count(*) FROM sqlite_schema
