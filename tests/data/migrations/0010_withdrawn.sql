INSERT INTO recipient (message_id, address, state, attempts, due_ms, settled_ms, failure) VALUES
    (1, 'left@example.test', 'withdrawn', 0, 1783058400000, 1783058401000, 'its recipient is not configured any more');
