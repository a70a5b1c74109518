-- Notes that all that was too old is gone. By the primary key of retention.
UPDATE retention SET pruned_ms = :now_ms WHERE id = 1
