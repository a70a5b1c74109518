UPDATE day_count SET uses = uses + 1 WHERE day = 640;
