-- A value that the present rules explain. Served by the primary key of unknown_value.
DELETE FROM unknown_value WHERE field = :field AND value = :value
