-- What is packed of one track and period? By the primary key of packed_counts.
SELECT counts FROM packed_counts WHERE id = :id
