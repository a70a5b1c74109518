-- May traces of somebody be left? By the primary key of meta.
SELECT count(*) AS traces FROM meta WHERE key = 'traces'
