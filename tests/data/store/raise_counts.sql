UPDATE day_count SET uses = uses + 1 WHERE day = (SELECT max(day) FROM day_count);
