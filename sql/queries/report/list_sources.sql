-- How is each source doing, and how much has it brought? One scan of source.
SELECT name, items, last_success_ms, last_failure_ms, failure, warning, maximum_grade
FROM source
ORDER BY name
