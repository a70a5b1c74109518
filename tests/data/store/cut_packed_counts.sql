UPDATE packed_counts SET counts = substr(counts, 1, length(counts) - 1) WHERE id = (SELECT min(id) FROM packed_counts);
