-- What is packed, track by track? One scan of packed_counts, in its order.
SELECT id, counts FROM packed_counts ORDER BY id
