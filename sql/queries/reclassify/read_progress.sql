-- Which reclassification is under way, and how far is it? By the primary key of reclassification.
SELECT fingerprint, done_chunk, items, per_source FROM reclassification WHERE id = 1
