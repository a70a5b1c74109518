-- Every column that may hold text, as the schema says. A scan of tables and a scan of columns, which SQLite makes of the schema.
SELECT tables.name, columns.name
FROM pragma_table_list() AS tables
JOIN pragma_table_info(tables.name) AS columns
WHERE tables.schema = 'main'
  AND tables.type = 'table'
  AND tables.name NOT LIKE 'sqlite~_%' ESCAPE '~'
  AND columns.type IN ('TEXT', 'BLOB')
ORDER BY tables.name, columns.cid
