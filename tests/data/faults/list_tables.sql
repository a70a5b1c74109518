-- Where does each table begin?
SELECT name, rootpage FROM sqlite_schema WHERE type = 'table' ORDER BY name
