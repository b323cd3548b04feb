"""Keep in the database that a notice stays as it was written, that what was sent is sent, and that reading only goes on."""

from django.db import migrations

GUARDS = """
CREATE FUNCTION notices_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'A notice is never changed.' USING ERRCODE = 'check_violation', CONSTRAINT = 'notice_never_changes';
END $$;
CREATE TRIGGER notices_kept BEFORE UPDATE ON notices_notice FOR EACH ROW EXECUTE FUNCTION notices_kept();
ALTER TABLE notices_notice ENABLE ALWAYS TRIGGER notices_kept;

CREATE FUNCTION notices_sent() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.state <> 'waiting' THEN
    RAISE EXCEPTION 'A delivery that is % is settled.', OLD.state
      USING ERRCODE = 'check_violation', CONSTRAINT = 'settled_delivery_never_changes';
  END IF;
  IF OLD.batch IS NOT NULL AND NEW.batch IS DISTINCT FROM OLD.batch THEN
    RAISE EXCEPTION 'A delivery keeps the message that it was claimed for.'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'delivery_keeps_its_message';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER notices_sent BEFORE UPDATE ON notices_delivery FOR EACH ROW EXECUTE FUNCTION notices_sent();
ALTER TABLE notices_delivery ENABLE ALWAYS TRIGGER notices_sent;

CREATE FUNCTION notices_read_on() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' OR NEW.position < OLD.position THEN
    RAISE EXCEPTION 'The log is read on, never back.'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'cursor_only_moves_on';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER notices_read_on BEFORE UPDATE OR DELETE ON notices_cursor
  FOR EACH ROW EXECUTE FUNCTION notices_read_on();
ALTER TABLE notices_cursor ENABLE ALWAYS TRIGGER notices_read_on;

-- Whoever takes this release into use is not told of the whole past.
INSERT INTO notices_cursor (id, position) SELECT 1, coalesce(max(position), -1) FROM audit_leaf;
"""
DROP = """
DROP TRIGGER notices_kept ON notices_notice; DROP FUNCTION notices_kept();
DROP TRIGGER notices_sent ON notices_delivery; DROP FUNCTION notices_sent();
DROP TRIGGER notices_read_on ON notices_cursor; DROP FUNCTION notices_read_on();
DELETE FROM notices_cursor;
"""


class Migration(migrations.Migration):
    dependencies = [("notices", "0001_tables"), ("audit", "0003_tables")]
    operations = [migrations.RunSQL(GUARDS, DROP)]
