-- Notes how a source is doing; what is not given stays as it was. Served by the primary key of source.
UPDATE source
SET last_success_ms = coalesce(:last_success_ms, last_success_ms),
    last_failure_ms = coalesce(:last_failure_ms, last_failure_ms),
    failure         = coalesce(:failure, failure),
    warning         = coalesce(:warning, warning),
    maximum_grade   = coalesce(:maximum_grade, maximum_grade)
WHERE id = :source_id
