-- Says whom a message has to reach. Appends to recipient.
INSERT INTO recipient (message_id, address, due_ms) VALUES (:message_id, :address, :due_ms)
