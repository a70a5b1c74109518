-- Does a place or software go by a name? A scan of track and a scan of repository_permission, up to the first that does.
SELECT EXISTS (SELECT 1 FROM track WHERE :id IN (client_id, origin_id, host_id, workspace_id, repository_id))
    OR EXISTS (SELECT 1 FROM repository_permission WHERE :id IN (workspace_id, repository_id))
