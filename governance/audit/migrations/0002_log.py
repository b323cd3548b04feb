"""The log's tables, the functions that guard them, and who may do what.

Run by the owner role. The app may only INSERT an entry's bytes; everything else about an entry (its id, leaf hash,
transaction, time, subjects, place in the queue) is derived from those bytes by triggers that run as the owner.
"""

from django.db import migrations, models

TABLES = """
CREATE TABLE audit_entry (
  id uuid PRIMARY KEY,
  seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  body bytea NOT NULL CHECK (octet_length(body) BETWEEN 2 AND 65535),
  leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
  txid xid8 NOT NULL,
  request text,
  recorded_at timestamptz NOT NULL
);
-- What was said of one approval request, without reading the whole log.
CREATE INDEX audit_entry_request ON audit_entry (request, seq) WHERE request IS NOT NULL;
CREATE TABLE audit_subject (
  entry_id uuid NOT NULL REFERENCES audit_entry,
  "table" text NOT NULL, key text NOT NULL, before text, after text,
  txid xid8 NOT NULL,
  PRIMARY KEY (entry_id, "table", key)
);
CREATE INDEX audit_subject_row ON audit_subject ("table", key);
CREATE INDEX audit_subject_txid ON audit_subject (txid);
CREATE TABLE audit_payload (
  entry_id uuid PRIMARY KEY REFERENCES audit_entry,
  salt bytea NOT NULL CHECK (octet_length(salt) = 32),
  payload bytea NOT NULL
);
CREATE TABLE audit_pending (entry_id uuid PRIMARY KEY, seq bigint NOT NULL);
CREATE INDEX audit_pending_order ON audit_pending (seq);
CREATE TABLE audit_leaf (
  index bigint PRIMARY KEY CHECK (index >= 0),
  entry_id uuid NOT NULL UNIQUE REFERENCES audit_entry,
  leaf_hash bytea NOT NULL
);
CREATE TABLE audit_node (
  level smallint NOT NULL CHECK (level >= 1), index bigint NOT NULL CHECK (index >= 0), hash bytea NOT NULL,
  PRIMARY KEY (level, index)
);
CREATE TABLE audit_checkpoint (
  size bigint PRIMARY KEY CHECK (size >= 0), root bytea NOT NULL, note bytea NOT NULL, at timestamptz NOT NULL
);
CREATE TABLE audit_anchor (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  size bigint NOT NULL REFERENCES audit_checkpoint, sink text NOT NULL, reference text NOT NULL,
  proof bytea, at timestamptz NOT NULL,
  UNIQUE (size, sink)
);
-- The newest of one sink: a daily one stands among thousands of a folder's.
CREATE INDEX audit_anchor_newest ON audit_anchor (sink, size);
-- Where the notary publishes to at present, and how that goes. Not a part of the log.
CREATE TABLE audit_sink (
  name text PRIMARY KEY, every_s integer NOT NULL CHECK (every_s > 0),
  failing_since timestamptz, tried_at timestamptz, attempts integer NOT NULL DEFAULT 0, error text NOT NULL DEFAULT ''
);
"""

FUNCTIONS = """
CREATE FUNCTION audit_deny() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: these rows are kept as they were written', TG_OP, TG_TABLE_NAME
    USING ERRCODE = '42501';
END $$;

CREATE FUNCTION audit_complete_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE said jsonb := convert_from(NEW.body, 'UTF8')::jsonb;
BEGIN
  NEW.id := (said ->> 'id')::uuid;
  NEW.request := said #>> '{data,request}';
  NEW.leaf_hash := sha256('\\x00'::bytea || NEW.body);
  NEW.txid := pg_current_xact_id();
  NEW.recorded_at := clock_timestamp();
  RETURN NEW;
END $$;

CREATE FUNCTION audit_queue_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.audit_pending (entry_id, seq) VALUES (NEW.id, NEW.seq);
  INSERT INTO public.audit_subject (entry_id, "table", key, before, after, txid)
    SELECT NEW.id, s ->> 'table', s ->> 'key', s ->> 'before', s ->> 'after', NEW.txid
    FROM jsonb_array_elements(convert_from(NEW.body, 'UTF8')::jsonb -> 'subjects') AS s;
  RETURN NULL;
END $$;

-- The digest of a governed row: SHA-256 over its jsonb text, with every session setting that shapes text pinned.
CREATE FUNCTION audit_row_digest(tbl text, key text) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'iso_8601'
SET bytea_output = 'hex' SET extra_float_digits = 1 AS $$
DECLARE digest text;
BEGIN
  EXECUTE format('SELECT ''sha256:'' || encode(sha256(convert_to(to_jsonb(t)::text, ''UTF8'')), ''hex'')
                  FROM public.%I t WHERE t.id = $1::uuid', tbl) INTO digest USING key;
  RETURN digest;
END $$;

CREATE FUNCTION audit_require_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE row_key text; said text; entry uuid; held uuid;
BEGIN
  row_key := CASE WHEN TG_OP = 'DELETE' THEN OLD.id::text ELSE NEW.id::text END;
  SELECT s.after, s.entry_id INTO said, entry
    FROM public.audit_subject s JOIN public.audit_entry e ON e.id = s.entry_id
    WHERE s.txid = pg_current_xact_id() AND s."table" = TG_TABLE_NAME AND s.key = row_key
    ORDER BY e.seq DESC LIMIT 1;
  IF entry IS NULL THEN
    RAISE EXCEPTION 'change of % % without a log entry in this transaction that names it', TG_TABLE_NAME, row_key
      USING ERRCODE = '23514', CONSTRAINT = 'audit_entry_required', TABLE = TG_TABLE_NAME;
  END IF;
  IF said IS DISTINCT FROM public.audit_row_digest(TG_TABLE_NAME, row_key) THEN
    RAISE EXCEPTION 'log entry % names % % in another state than it is committed in', entry, TG_TABLE_NAME, row_key
      USING ERRCODE = '23514', CONSTRAINT = 'audit_entry_required', TABLE = TG_TABLE_NAME;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    EXECUTE format('SELECT t.log_entry FROM public.%I t WHERE t.id = $1::uuid', TG_TABLE_NAME) INTO held USING row_key;
    IF held IS NOT NULL AND held <> entry THEN
      RAISE EXCEPTION 'row % of % points to entry %, but entry % names it', row_key, TG_TABLE_NAME, held, entry
        USING ERRCODE = '23514', CONSTRAINT = 'audit_entry_required', TABLE = TG_TABLE_NAME;
    END IF;
  END IF;
  RETURN NULL;
END $$;

-- For test databases only: empties every table that has rows, with their guards off for the length of one statement.
-- DELETE, because TRUNCATE of fifty small tables takes a second.
CREATE FUNCTION audit_flush_test_database() RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE t text; filled text[] := '{}'; has_rows boolean; guard record;
BEGIN
  IF current_database() NOT LIKE 'test\\_%' THEN
    RAISE EXCEPTION 'only a test database is ever flushed' USING ERRCODE = '42501';
  END IF;
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
           AND tablename NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
           ORDER BY array_position(ARRAY['audit_anchor','audit_checkpoint','audit_node','audit_leaf','audit_pending',
                                         'audit_payload','audit_subject','audit_entry'], tablename::text) NULLS FIRST LOOP
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', t) INTO has_rows;
    IF has_rows THEN filled := filled || t; END IF;
  END LOOP;
  FOR guard IN SELECT c.relname, g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
               WHERE NOT g.tgisinternal AND c.relname = ANY(filled) LOOP
    EXECUTE format('ALTER TABLE %I DISABLE TRIGGER %I', guard.relname, guard.tgname);
  END LOOP;
  SET CONSTRAINTS ALL DEFERRED;
  FOREACH t IN ARRAY filled LOOP
    EXECUTE format('DELETE FROM %I', t);
  END LOOP;
  SET CONSTRAINTS ALL IMMEDIATE;
  FOR guard IN SELECT c.relname, g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
               WHERE NOT g.tgisinternal AND c.relname = ANY(filled) LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', guard.relname, guard.tgname);
  END LOOP;
END $$;

GRANT EXECUTE ON FUNCTION audit_row_digest(text, text) TO placet_app, placet_notary, placet_privacy;
"""

TRIGGERS = """
CREATE TRIGGER audit_complete BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_complete_entry();
CREATE TRIGGER audit_queue AFTER INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_queue_entry();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_complete;
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_queue;
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['audit_entry','audit_subject','audit_payload','audit_leaf','audit_node','audit_checkpoint','audit_anchor'] LOOP
    IF t <> 'audit_payload' THEN
      EXECUTE format('CREATE TRIGGER audit_deny_row BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION audit_deny()', t);
      EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_deny_row', t);
    ELSE
      EXECUTE format('CREATE TRIGGER audit_deny_row BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION audit_deny()', t);
      EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_deny_row', t);
    END IF;
    EXECUTE format('CREATE TRIGGER audit_deny_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_deny()', t);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_deny_truncate', t);
  END LOOP;
END $$;
"""

RIGHTS = """
REVOKE ALL ON audit_entry, audit_subject, audit_payload, audit_pending, audit_leaf, audit_node, audit_checkpoint, audit_anchor
  FROM placet_app, placet_notary, placet_privacy;
GRANT SELECT ON audit_entry, audit_subject, audit_payload, audit_pending, audit_leaf, audit_node, audit_checkpoint, audit_anchor
  TO placet_app, placet_notary, placet_privacy;
GRANT INSERT (body) ON audit_entry TO placet_app, placet_notary, placet_privacy;
GRANT INSERT ON audit_payload TO placet_app, placet_notary, placet_privacy;
GRANT DELETE ON audit_pending TO placet_notary;
GRANT INSERT ON audit_leaf, audit_node, audit_checkpoint, audit_anchor TO placet_notary;
REVOKE ALL ON audit_sink FROM placet_app, placet_notary, placet_privacy;
GRANT SELECT ON audit_sink TO placet_app, placet_notary, placet_privacy;
GRANT INSERT, UPDATE, DELETE ON audit_sink TO placet_notary;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON django_migrations FROM placet_app, placet_notary, placet_privacy;
"""

DROP = "DROP TABLE audit_sink, audit_anchor, audit_checkpoint, audit_node, audit_leaf, audit_pending, audit_payload, audit_subject, audit_entry CASCADE"
DROP_FUNCTIONS = "DROP FUNCTION audit_deny, audit_complete_entry, audit_queue_entry, audit_row_digest, audit_require_entry, audit_flush_test_database"


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_roles")]
    operations = [
        migrations.RunSQL(TABLES, DROP),
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
