-- Takes the slices from a track that became another. A scan of slice_count: the few days that are still asked again.
DELETE FROM slice_count WHERE track_id = :from
