-- Appends an entry. Checked by the primary key of journal.
INSERT INTO journal (sequence, at_s, actor, action, detail, hash)
VALUES (:sequence, :at_s, :actor, :action, :detail, :hash)
