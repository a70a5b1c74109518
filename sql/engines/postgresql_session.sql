-- How a session begins: nothing is written, instants are read as UTC, backslashes are backslashes, and servers that know how end
-- a question when we hang up. A database without an encoding gives bytes as they are: asked for UTF-8, it would refuse the whole
-- question for one text that is none.
SELECT set_config('default_transaction_read_only', 'on', false), set_config('TimeZone', 'UTC', false),
  set_config('standard_conforming_strings', 'on', false);
SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = 'client_connection_check_interval';
SELECT set_config('client_encoding', 'SQL_ASCII', false) FROM pg_settings WHERE name = 'server_encoding' AND setting = 'SQL_ASCII'
