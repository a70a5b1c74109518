-- What the lists of other instances say stands beside what is read here: see store::exchanged_lists.

ALTER TABLE member ADD COLUMN told_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repository ADD COLUMN told_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repository_permission ADD COLUMN told_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deploy_key ADD COLUMN told_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_token ADD COLUMN told_by INTEGER NOT NULL DEFAULT 0;
