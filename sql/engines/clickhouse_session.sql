-- Which of the settings that are used where they are known does this server know, and what time is it there, in seconds since the
-- epoch? A row has its kind first.
SELECT 'setting', name FROM system.settings
WHERE name IN ('cancel_http_readonly_queries_on_client_close', 'log_comment', 'short_circuit_function_evaluation')
UNION ALL
SELECT 'time', toString(toUnixTimestamp(now()))
FORMAT TabSeparated
