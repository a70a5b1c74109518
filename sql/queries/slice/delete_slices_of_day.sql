-- Takes out all slices of a day. By the primary key of slice_count.
DELETE FROM slice_count WHERE source_id = :source_id AND day = :day
