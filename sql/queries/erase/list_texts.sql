-- Which sentences and labels are there that a name may stand in, and where? A scan of source, a scan of coverage, a scan of
-- skipped, a scan of unknown_value, a scan of cursor, a scan of deploy_key, a scan of registered_credential, a scan of api_token, a scan of
-- directory_entry, a scan of occurrence, a scan of status_change, a scan of
-- message, a scan of recipient, a scan of accepted, a scan of alarm and a scan of calendar_event.
SELECT 'failure' AS place, failure AS text FROM source
UNION SELECT 'warning', warning FROM source
UNION SELECT 'coverage', reason FROM coverage
UNION SELECT 'sample', sample FROM skipped
UNION SELECT 'value', value FROM unknown_value
UNION SELECT 'odd', value FROM cursor WHERE key = 'odd'
UNION SELECT 'key label', label FROM deploy_key
UNION SELECT 'label', label FROM registered_credential
UNION SELECT 'token label', label FROM api_token
UNION SELECT 'team', team FROM directory_entry
UNION SELECT 'audience', audience FROM occurrence
UNION SELECT 'location', location FROM registered_credential
UNION SELECT 'owner', owner FROM registered_credential
UNION SELECT 'change', reason FROM status_change
UNION SELECT 'subject', subject FROM message
UNION SELECT 'address', address FROM recipient
UNION SELECT 'undelivered', failure FROM recipient
UNION SELECT 'accepted name', key FROM accepted
UNION SELECT 'accepted', words FROM accepted
UNION SELECT 'alarm', reason FROM alarm
UNION SELECT 'alarmed', about FROM alarm
UNION SELECT 'event', uid FROM calendar_event
ORDER BY place, text
