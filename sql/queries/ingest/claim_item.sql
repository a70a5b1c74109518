-- Is this item of this source new? Writes one row if it is, none if not. Served by the primary key of seen_item.
INSERT INTO seen_item (source_id, minute, hash, claimed_day)
VALUES (:source_id, :minute, :hash, :claimed_day)
ON CONFLICT DO NOTHING
