-- Which of the settings that are used where they are known does this server know, and what time is it there? Seconds
-- since the epoch stand among the names.
SELECT name FROM system.settings
WHERE name IN ('cancel_http_readonly_queries_on_client_close', 'log_comment', 'short_circuit_function_evaluation')
UNION ALL
SELECT toString(toUnixTimestamp(now()))
FORMAT TabSeparated
