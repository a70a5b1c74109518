UPDATE chunk SET bytes = x'01FFFF' WHERE id = (SELECT min(id) FROM chunk);
