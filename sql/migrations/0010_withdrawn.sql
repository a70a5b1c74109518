-- What is taken back, because its recipient is not configured any more or because a person was erased, is no delivery that failed:
-- it has a state of its own. The totals keep what they have counted.

UPDATE recipient
SET state = 'withdrawn'
WHERE state = 'given_up'
  AND failure IN ('its recipient is not configured any more', 'withdrawn, because a person was erased');

DROP INDEX recipient_given_up;
CREATE INDEX recipient_unreached ON recipient (settled_ms) WHERE state IN ('given_up', 'withdrawn');
