DROP TRIGGER refuse_coverage;
