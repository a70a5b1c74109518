-- Counts of all periods may change: what is packed says nothing any more. All pages at once, without looking at a row.
DELETE FROM packed_period
