-- What is said of the next question: a label for pg_stat_activity, and how many milliseconds it may take.
SELECT set_config('application_name', {label}, false), set_config('statement_timeout', '{limit}', false)
