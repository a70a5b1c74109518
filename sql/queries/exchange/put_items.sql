-- How much the source has brought where it is read. By the primary key of source.
UPDATE source SET items = :items WHERE id = :id
