-- Puts another text where one stood. A scan of deploy_key.
UPDATE OR REPLACE deploy_key SET label = :new WHERE label = :old
