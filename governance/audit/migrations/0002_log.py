"""The log's tables, the functions that guard them, and who may do what.

Run by the owner role. The app may only INSERT an entry's bytes; everything else about an entry (its id, leaf hash,
transaction, time, subjects, place in the queue) is derived from those bytes by triggers that run as the owner.
"""

from django.db import migrations, models

TABLES = """
-- The log's name. A fork after a restore begins a new one; its entries follow in a new range of positions.
CREATE TABLE audit_origin (
  shard smallint PRIMARY KEY CHECK (shard >= 0), origin text NOT NULL UNIQUE, at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE audit_entry (
  id uuid PRIMARY KEY,
  seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  body bytea NOT NULL,
  leaf_hash bytea NOT NULL,
  request text,
  recorded_at timestamptz NOT NULL
);
-- What was said of one approval request, without reading the whole log.
CREATE INDEX audit_entry_request ON audit_entry (request, seq) WHERE request IS NOT NULL;
-- Written by a trigger from the entry's bytes and by nobody else, so it needs no foreign key.
CREATE TABLE audit_subject (
  entry_id uuid NOT NULL, "table" text NOT NULL, key text NOT NULL, before text, after text, txid xid8 NOT NULL,
  PRIMARY KEY (entry_id, "table", key)
);
CREATE INDEX audit_subject_row ON audit_subject ("table", key);
CREATE TABLE audit_payload (
  entry_id uuid PRIMARY KEY REFERENCES audit_entry,
  salt bytea NOT NULL CHECK (octet_length(salt) = 32),
  payload bytea NOT NULL
);
CREATE TABLE audit_pending (seq bigint PRIMARY KEY, entry_id uuid NOT NULL);
-- position = shard * 2^48 + index: one column keeps every key simple, and tiles of different shards never touch.
CREATE TABLE audit_leaf (
  position bigint PRIMARY KEY CHECK (position >= 0),
  entry_id uuid NOT NULL REFERENCES audit_entry,
  leaf_hash bytea NOT NULL
);
CREATE INDEX audit_leaf_entry ON audit_leaf (entry_id);
CREATE TABLE audit_node (
  level smallint NOT NULL CHECK (level >= 1), position bigint NOT NULL CHECK (position >= 0), hash bytea NOT NULL,
  PRIMARY KEY (level, position)
);
-- For the pages alone: derived by the notary from entries as it places them, and again whenever it is lost.
CREATE TABLE audit_search (
  position bigint PRIMARY KEY, event text NOT NULL, actor text NOT NULL, at timestamptz NOT NULL, words text[] NOT NULL
);
CREATE INDEX audit_search_event ON audit_search (event, position);
CREATE INDEX audit_search_actor ON audit_search (actor, position);
CREATE INDEX audit_search_at ON audit_search (at);
CREATE INDEX audit_search_words ON audit_search USING gin (words);
CREATE TABLE audit_checkpoint (
  position bigint PRIMARY KEY CHECK (position >= 0), root bytea NOT NULL, note bytea NOT NULL, at timestamptz NOT NULL
);
CREATE TABLE audit_anchor (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  position bigint NOT NULL REFERENCES audit_checkpoint, sink text NOT NULL, reference text NOT NULL, proof bytea,
  at timestamptz NOT NULL,
  UNIQUE (position, sink)
);
-- The newest of one sink: a daily one stands among thousands of a folder's.
CREATE INDEX audit_anchor_newest ON audit_anchor (sink, position);
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

-- Everything that follows from an entry's bytes: read once, written before the row itself. Each statement costs a start
-- of the executor in every transaction that writes to the log, and so does a CHECK of the table, so there are few: the
-- length is held here, the place in the queue and the log's name in one statement.
CREATE FUNCTION audit_complete_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE said jsonb := convert_from(NEW.body, 'UTF8')::jsonb;
BEGIN
  IF octet_length(NEW.body) > 65535 THEN
    RAISE EXCEPTION 'an entry of % bytes is refused: it holds at most 65535', octet_length(NEW.body)
      USING ERRCODE = '23514', CONSTRAINT = 'audit_entry_fits';
  END IF;
  IF position('\\x0a'::bytea IN NEW.body) > 0 THEN  -- an export writes each entry as a line
    RAISE EXCEPTION 'an entry with a line end in it is refused: canonical JSON has none'
      USING ERRCODE = '23514', CONSTRAINT = 'audit_entry_is_one_line';
  END IF;
  NEW.id := (said ->> 'id')::uuid;
  NEW.request := said #>> '{data,request}';
  NEW.leaf_hash := sha256('\\x00'::bytea || NEW.body);
  NEW.recorded_at := clock_timestamp();
  INSERT INTO public.audit_pending (seq, entry_id)
    SELECT NEW.seq, NEW.id WHERE (said ->> 'log') IS NOT DISTINCT FROM
      coalesce((SELECT o.origin FROM public.audit_origin o ORDER BY o.shard DESC LIMIT 1), said ->> 'log');
  IF NOT FOUND THEN
    RAISE EXCEPTION 'this database keeps the log %, not %: set PLACET_LOG_ORIGIN to it in every process',
      (SELECT o.origin FROM public.audit_origin o ORDER BY o.shard DESC LIMIT 1), said ->> 'log'
      USING ERRCODE = '23514', CONSTRAINT = 'audit_origin_is_one';
  END IF;
  IF said -> 'subjects' <> '[]' THEN
    INSERT INTO public.audit_subject (entry_id, "table", key, before, after, txid)
      SELECT NEW.id, s ->> 'table', s ->> 'key', s ->> 'before', s ->> 'after', pg_current_xact_id()
      FROM jsonb_array_elements(said -> 'subjects') AS s;
  END IF;
  RETURN NEW;
END $$;

-- SHA-256 over a row's jsonb text without the columns that are null, so that a nullable column added by a later release
-- leaves the digest of every row that stands as it was (docs/adr/0007). Strict, or a list that holds a null would count.
CREATE FUNCTION audit_digest(content jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE empty jsonb := jsonb_path_query_array(content, 'strict $.keyvalue() ? (@.value == null).key');
BEGIN
  FOR n IN 0 .. jsonb_array_length(empty) - 1 LOOP content := content - (empty ->> n); END LOOP;
  RETURN 'sha256:' || encode(sha256(convert_to(content::text, 'UTF8')), 'hex');
END $$;

-- The digest of a governed row, with every session setting that shapes text pinned.
CREATE FUNCTION audit_row_digest(tbl text, key text) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'iso_8601'
SET bytea_output = 'hex' SET extra_float_digits = 1 AS $$
DECLARE digest text;
BEGIN
  EXECUTE format('SELECT public.audit_digest(to_jsonb(t)) FROM public.%I t WHERE t.id = $1::uuid', tbl) INTO digest USING key;
  RETURN digest;
END $$;

-- At commit, for each single change of a governed row: an entry of this transaction must name the row with the digests
-- of what it was and of what it became, and the row must point to that entry. The same settings are pinned as above.
CREATE FUNCTION audit_require_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'iso_8601'
SET bytea_output = 'hex' SET extra_float_digits = 1 AS $$
DECLARE row_key text; was text; became text; told boolean;
BEGIN
  IF TG_OP <> 'INSERT' THEN
    row_key := OLD.id::text;
    was := public.audit_digest(to_jsonb(OLD));
  END IF;
  IF TG_OP = 'DELETE' THEN
    SELECT true INTO told FROM public.audit_subject s
      WHERE s."table" = TG_TABLE_NAME AND s.key = row_key AND s.txid = pg_current_xact_id()
        AND s.before = was AND s.after IS NULL LIMIT 1;
  ELSE
    row_key := NEW.id::text;
    became := public.audit_digest(to_jsonb(NEW));
    IF was = became THEN RETURN NULL; END IF;  -- an UPDATE that changed nothing
    SELECT true INTO told FROM public.audit_subject s
      WHERE s.entry_id = NEW.log_entry AND s."table" = TG_TABLE_NAME AND s.key = row_key
        AND s.txid = pg_current_xact_id() AND s.before IS NOT DISTINCT FROM was AND s.after = became;
  END IF;
  IF told THEN RETURN NULL; END IF;
  IF EXISTS (SELECT 1 FROM public.audit_subject s WHERE s."table" = TG_TABLE_NAME AND s.key = row_key
             AND s.txid = pg_current_xact_id()) THEN
    RAISE EXCEPTION 'a log entry names % %, but not this change of it: what it was, what it became, or the entry that the row points to differs',
      TG_TABLE_NAME, row_key USING ERRCODE = '23514', CONSTRAINT = 'audit_entry_required', TABLE = TG_TABLE_NAME;
  END IF;
  RAISE EXCEPTION 'change of % % without a log entry in this transaction that names it', TG_TABLE_NAME, row_key
    USING ERRCODE = '23514', CONSTRAINT = 'audit_entry_required', TABLE = TG_TABLE_NAME;
END $$;

CREATE FUNCTION audit_commitment(salt bytea, payload bytea) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT 'sha256:' || encode(sha256('placet/payload/v1'::bytea || '\\x00'::bytea || salt || payload), 'hex')
$$;

-- A payload is the one that its entry commits to, and it goes only with an entry that says so.
CREATE FUNCTION audit_check_payload() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NOT EXISTS (SELECT 1 FROM public.audit_entry e WHERE e.id = NEW.entry_id
                   AND convert_from(e.body, 'UTF8')::jsonb ->> 'payload' = public.audit_commitment(NEW.salt, NEW.payload)) THEN
      RAISE EXCEPTION 'entry % does not commit to this payload', NEW.entry_id
        USING ERRCODE = '23514', CONSTRAINT = 'audit_payload_is_committed';
    END IF;
  ELSIF NOT EXISTS (SELECT 1 FROM public.audit_subject s JOIN public.audit_entry e ON e.id = s.entry_id
                    WHERE s."table" = 'audit_payload' AND s.key = OLD.entry_id::text AND s.txid = pg_current_xact_id()
                      AND s.before = public.audit_commitment(OLD.salt, OLD.payload) AND s.after IS NULL
                      AND convert_from(e.body, 'UTF8')::jsonb ->> 'event' = 'payload.redacted') THEN
    RAISE EXCEPTION 'the payload of entry % goes only with an entry payload.redacted that names it', OLD.entry_id
      USING ERRCODE = '23514', CONSTRAINT = 'audit_redaction_required';
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
           ORDER BY array_position(ARRAY['audit_anchor','audit_checkpoint','audit_node','audit_search','audit_leaf','audit_pending',
                                         'audit_payload','audit_subject','audit_entry','audit_origin'], tablename::text) NULLS FIRST LOOP
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

GRANT EXECUTE ON FUNCTION audit_digest(jsonb), audit_row_digest(text, text), audit_commitment(bytea, bytea) TO placet_app, placet_notary, placet_privacy;
"""

TRIGGERS = """
CREATE TRIGGER audit_complete BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_complete_entry();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_complete;
CREATE CONSTRAINT TRIGGER audit_payload_fits AFTER INSERT OR DELETE ON audit_payload
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_check_payload();
ALTER TABLE audit_payload ENABLE ALWAYS TRIGGER audit_payload_fits;
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['audit_origin','audit_entry','audit_subject','audit_payload','audit_leaf','audit_node','audit_search',
                           'audit_checkpoint','audit_anchor'] LOOP
    EXECUTE format('CREATE TRIGGER audit_deny_row BEFORE UPDATE %s ON %I FOR EACH ROW EXECUTE FUNCTION audit_deny()',
                   CASE WHEN t = 'audit_payload' THEN '' ELSE 'OR DELETE' END, t);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_deny_row', t);
    EXECUTE format('CREATE TRIGGER audit_deny_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_deny()', t);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_deny_truncate', t);
  END LOOP;
END $$;
"""

RIGHTS = """
REVOKE ALL ON audit_origin, audit_entry, audit_subject, audit_payload, audit_pending, audit_leaf, audit_node, audit_search,
  audit_checkpoint, audit_anchor FROM placet_app, placet_notary, placet_privacy;
GRANT SELECT ON audit_origin, audit_entry, audit_subject, audit_payload, audit_pending, audit_leaf, audit_node, audit_search,
  audit_checkpoint, audit_anchor TO placet_app, placet_notary, placet_privacy;
GRANT INSERT (body) ON audit_entry TO placet_app, placet_notary, placet_privacy;
GRANT INSERT ON audit_payload TO placet_app, placet_notary, placet_privacy;
GRANT DELETE ON audit_payload TO placet_privacy;
GRANT DELETE ON audit_pending TO placet_notary;
GRANT INSERT ON audit_origin, audit_leaf, audit_node, audit_search, audit_checkpoint, audit_anchor TO placet_notary;
REVOKE ALL ON audit_sink FROM placet_app, placet_notary, placet_privacy;
GRANT SELECT ON audit_sink TO placet_app, placet_notary, placet_privacy;
GRANT INSERT, UPDATE, DELETE ON audit_sink TO placet_notary;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON django_migrations FROM placet_app, placet_notary, placet_privacy;
"""

DROP = """DROP TABLE audit_sink, audit_anchor, audit_checkpoint, audit_search, audit_node, audit_leaf, audit_pending, audit_payload, audit_subject,
  audit_entry, audit_origin CASCADE"""
DROP_FUNCTIONS = """DROP FUNCTION audit_deny, audit_complete_entry, audit_digest, audit_row_digest, audit_require_entry, audit_commitment,
  audit_check_payload, audit_flush_test_database"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_roles")]
    operations = [
        migrations.RunSQL(TABLES, DROP),
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        migrations.RunSQL(TRIGGERS, migrations.RunSQL.noop),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
