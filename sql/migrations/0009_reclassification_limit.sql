-- How many integrations a source may name in the reclassification that is under way: with another limit it begins anew. See
-- store::reclassify.

ALTER TABLE reclassification ADD COLUMN per_source INTEGER NOT NULL DEFAULT 0;
