-- Whom the store says that each mail has reached.
SELECT m.message_id, r.address FROM recipient AS r JOIN message AS m ON m.id = r.message_id
WHERE m.channel = 'mail' AND r.state = 'sent'
