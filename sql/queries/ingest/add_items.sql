-- Adds to the running total of a source's items. Served by the primary key of source.
UPDATE source SET items = items + :items WHERE id = :source_id
