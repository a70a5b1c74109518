-- Adds to the running total of a source's items. Served by the primary key of source.
UPDATE source SET items = min(items + :items, 4611686018427387904) WHERE id = :source_id
