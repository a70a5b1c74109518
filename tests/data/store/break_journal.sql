DROP TRIGGER journal_keeps_its_words;
UPDATE journal SET detail = 'nothing' WHERE sequence = 1;
