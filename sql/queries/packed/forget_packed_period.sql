-- A period's counts change: what is packed of it says nothing any more. By the primary key of packed_period.
DELETE FROM packed_period WHERE period = :period
