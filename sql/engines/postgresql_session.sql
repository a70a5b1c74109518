-- How a session begins: nothing is written, instants are read as UTC, backslashes are backslashes, and servers that know how end
-- a question when we hang up.
SELECT set_config('default_transaction_read_only', 'on', false), set_config('TimeZone', 'UTC', false),
  set_config('standard_conforming_strings', 'on', false);
SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'
