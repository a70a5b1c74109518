INSERT INTO told_person (person_id, told_by)
SELECT min(person.id), (SELECT id FROM source WHERE name = 'exchange/emea') FROM person;
INSERT INTO token_use (organization, token_id, day, told_by, last_ms)
SELECT 'acme', 't-1', 20636, id, 1782993600000 FROM source WHERE name = 'exchange/emea';
