-- Did anything of this source come that is kept under an earlier hour? Served by seen_by_hour.
SELECT EXISTS (SELECT 1 FROM seen WHERE source_id = :source_id AND hour < :hour)
