-- Notes how a source is doing; what is not given stays as it was. What is noted now came after all that was noted before: an
-- instant that lies beyond it was written by a clock that was ahead, and becomes one just before. Served by the primary key of source.
UPDATE source
SET last_success_ms = coalesce(:last_success_ms, min(last_success_ms, :last_failure_ms - 1), last_success_ms),
    last_failure_ms = coalesce(:last_failure_ms, min(last_failure_ms, :last_success_ms), last_failure_ms),
    failure         = coalesce(:failure, failure),
    warning         = coalesce(:warning, warning),
    maximum_grade   = coalesce(:maximum_grade, maximum_grade)
WHERE id = :source_id
