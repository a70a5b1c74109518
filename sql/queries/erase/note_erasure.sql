-- Notes that traces of somebody may still be in free pages. Served by the primary key of meta.
INSERT INTO meta (key, value) VALUES ('traces', x'01') ON CONFLICT DO NOTHING
