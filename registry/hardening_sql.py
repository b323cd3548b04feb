"""What ``manage.py harden_mlflow_db`` puts into MLflow's database: a schema that only the owner reads, and triggers.

Every function is SECURITY DEFINER with a pinned search path and qualified names, so that whoever writes can neither
read the key nor put a function of their own in the place of one that is called. Triggers are ENABLE ALWAYS.
"""

SPACES = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What Python's ``str.strip`` takes off."""

TABLES = """
CREATE SCHEMA IF NOT EXISTS placet_gate;
REVOKE ALL ON SCHEMA placet_gate FROM PUBLIC;
CREATE TABLE IF NOT EXISTS placet_gate.secret (
  single boolean PRIMARY KEY DEFAULT true CHECK (single), key bytea NOT NULL CHECK (length(key) = 32));
CREATE TABLE IF NOT EXISTS placet_gate.protected (regex text PRIMARY KEY);
CREATE TABLE IF NOT EXISTS placet_gate.used (
  nonce text PRIMARY KEY, expires_at timestamptz NOT NULL, xact xid8 NOT NULL DEFAULT pg_current_xact_id());
CREATE INDEX IF NOT EXISTS used_by_expiry ON placet_gate.used (expires_at);
REVOKE ALL ON ALL TABLES IN SCHEMA placet_gate FROM PUBLIC;
"""

# `LOWER` is the strongest folding that this server has; `SPACES` is a literal.
FUNCTIONS = """
CREATE OR REPLACE FUNCTION placet_gate.fold(said text) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT btrim(normalize(<<LOWER>>, NFKC), <<SPACES>>)
  FROM (SELECT btrim(normalize(coalesce(said, ''), NFKC), <<SPACES>>) AS t) q
$$;

-- RFC 2104 from the builtin SHA-256: no extension is needed, and none has to be trusted.
CREATE OR REPLACE FUNCTION placet_gate.hmac_sha256(key bytea, message bytea) RETURNS bytea LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  k bytea := CASE WHEN length(key) > 64 THEN sha256(key) ELSE key END;
  inner_pad bytea;
  outer_pad bytea;
BEGIN
  k := k || decode(repeat('00', 64 - length(k)), 'hex');
  inner_pad := k;
  outer_pad := k;
  FOR i IN 0..63 LOOP
    inner_pad := set_byte(inner_pad, i, get_byte(k, i) # 54);
    outer_pad := set_byte(outer_pad, i, get_byte(k, i) # 92);
  END LOOP;
  RETURN sha256(outer_pad || sha256(inner_pad || message));
END $$;

CREATE OR REPLACE FUNCTION placet_gate.field(said text) RETURNS bytea LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT convert_to(octet_length(convert_to(coalesce(said, ''), 'UTF8')) || ':' || coalesce(said, '') || ',', 'UTF8')
$$;

CREATE OR REPLACE FUNCTION placet_gate.is_protected(alias text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM placet_gate.protected p WHERE placet_gate.fold(alias) ~ p.regex)
$$;

CREATE OR REPLACE FUNCTION placet_gate.is_live(space text, model text, number integer, stage text)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT placet_gate.fold(stage) = 'production' OR EXISTS (
    SELECT FROM public.registered_model_aliases a WHERE a.workspace = space AND a.name = model AND a.version = number
    AND placet_gate.is_protected(a.alias))
$$;

-- Pass if the transaction holds Placet's word for exactly this write; raise otherwise.
CREATE OR REPLACE FUNCTION placet_gate.require(space text, model text, what text, number text, created text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  word text := coalesce(current_setting('placet.word', true), '');
  parts text[] := string_to_array(word, '.');
  expires_at timestamptz;
  mac bytea;
  problem text := 'this transaction does not hold its word';
BEGIN
  IF word ~ '^v1\\.[0-9]{1,11}\\.[A-Za-z0-9]{16,64}\\.[0-9a-f]{64}$' THEN
    expires_at := to_timestamp(parts[2]::bigint);
    SELECT placet_gate.hmac_sha256(s.key, placet_gate.field('placet-word/1') || placet_gate.field(space)
      || placet_gate.field(model) || placet_gate.field(what) || placet_gate.field(number) || placet_gate.field(created)
      || placet_gate.field(parts[2]) || placet_gate.field(parts[3])) INTO mac FROM placet_gate.secret s;
    IF mac IS NULL OR sha256(mac) <> sha256(decode(parts[4], 'hex')) THEN
      problem := 'the word that it holds is for another write';
    ELSIF expires_at < clock_timestamp() THEN
      problem := 'the word that it holds has expired';
    ELSIF expires_at > clock_timestamp() + interval '2 minutes' THEN
      problem := 'the word that it holds is for too long';
    ELSE
      DELETE FROM placet_gate.used u WHERE u.expires_at < clock_timestamp() - interval '1 hour';
      INSERT INTO placet_gate.used (nonce, expires_at) VALUES (parts[3], expires_at) ON CONFLICT DO NOTHING;
      IF EXISTS (SELECT FROM placet_gate.used u WHERE u.nonce = parts[3] AND u.xact = pg_current_xact_id()) THEN
        RETURN;
      END IF;
      problem := 'the word that it holds was used before';
    END IF;
  END IF;
  RAISE EXCEPTION '[governance] Placet has not allowed % of model % to change: %. Request it in Placet.',
    what, model, problem USING ERRCODE = '42501';
END $$;

CREATE OR REPLACE FUNCTION placet_gate.guard_alias() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was boolean := TG_OP <> 'INSERT' AND placet_gate.is_protected(OLD.alias);
  becomes boolean := TG_OP <> 'DELETE' AND placet_gate.is_protected(NEW.alias);
  moves boolean := TG_OP = 'UPDATE' AND (OLD.workspace, OLD.name, OLD.alias) = (NEW.workspace, NEW.name, NEW.alias);
  created text;
BEGIN
  IF moves AND OLD.version = NEW.version THEN
    RETURN NEW;
  END IF;
  IF was AND NOT moves THEN
    PERFORM placet_gate.require(OLD.workspace, OLD.name, placet_gate.fold(OLD.alias), '', '');
  END IF;
  IF becomes THEN
    SELECT v.creation_time::text INTO created FROM public.model_versions v
      WHERE v.workspace = NEW.workspace AND v.name = NEW.name AND v.version = NEW.version;
    PERFORM placet_gate.require(
      NEW.workspace, NEW.name, placet_gate.fold(NEW.alias), NEW.version::text, coalesce(created, 'unknown'));
  END IF;
  RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE OR REPLACE FUNCTION placet_gate.guard_version() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was boolean := TG_OP <> 'INSERT' AND placet_gate.fold(OLD.current_stage) = 'production';
  becomes boolean := TG_OP <> 'DELETE' AND placet_gate.fold(NEW.current_stage) = 'production';
  number text := CASE WHEN TG_OP <> 'INSERT' THEN OLD.version::text END;
  created text := CASE WHEN TG_OP <> 'INSERT' THEN OLD.creation_time::text END;
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF placet_gate.is_live(NEW.workspace, NEW.name, NEW.version, '') THEN
      PERFORM placet_gate.require(NEW.workspace, NEW.name, 'version:create', NEW.version::text, '');
    END IF;
  ELSIF placet_gate.is_live(OLD.workspace, OLD.name, OLD.version, OLD.current_stage) THEN
    IF TG_OP = 'DELETE' OR NEW.current_stage = 'Deleted_Internal' THEN
      PERFORM placet_gate.require(OLD.workspace, OLD.name, 'version:delete', number, created);
    ELSIF (OLD.workspace, OLD.name, OLD.version, OLD.creation_time, OLD.source, OLD.storage_location, OLD.run_id)
        IS DISTINCT FROM
        (NEW.workspace, NEW.name, NEW.version, NEW.creation_time, NEW.source, NEW.storage_location, NEW.run_id) THEN
      PERFORM placet_gate.require(OLD.workspace, OLD.name, 'version:change', number, created);
    END IF;
  END IF;
  IF TG_OP <> 'DELETE' AND was <> becomes THEN
    PERFORM placet_gate.require(NEW.workspace, NEW.name, 'stage:production',
      CASE WHEN becomes THEN NEW.version::text ELSE '' END, CASE WHEN becomes THEN NEW.creation_time::text ELSE '' END);
  END IF;
  RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE OR REPLACE FUNCTION placet_gate.guard_all() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '[governance] % is not emptied as a whole: protected aliases and live versions are in it.',
    TG_TABLE_NAME USING ERRCODE = '42501';
END $$;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA placet_gate FROM PUBLIC;
"""

TRIGGERS = (
    ("registered_model_aliases", "placet_guard", "BEFORE INSERT OR UPDATE OR DELETE", "ROW", "guard_alias"),
    ("registered_model_aliases", "placet_guard_all", "BEFORE TRUNCATE", "STATEMENT", "guard_all"),
    ("model_versions", "placet_guard", "BEFORE INSERT OR UPDATE OR DELETE", "ROW", "guard_version"),
    ("model_versions", "placet_guard_all", "BEFORE TRUNCATE", "STATEMENT", "guard_all"),
)


def functions(server_version: int, collations: set[str]) -> str:
    """Return the functions for a server: its own case folding where it has one (PostgreSQL 18), else lower case."""
    if server_version >= 180000 and "pg_unicode_fast" in collations:
        folded = 'casefold(q.t COLLATE "pg_unicode_fast")'
    else:
        known = next((name for name in ("und-x-icu", "pg_c_utf8") if name in collations), "")
        folded = f'lower(q.t COLLATE "{known}")' if known else "lower(q.t)"
    spaces = "U&'" + "".join(f"\\{ord(char):04x}" for char in SPACES) + "'"
    return FUNCTIONS.replace("<<LOWER>>", folded).replace("<<SPACES>>", spaces)


def triggers() -> str:
    """Return the statements that make the triggers, anew if they stand."""
    lines = []
    for table, name, when, each, function in TRIGGERS:
        lines += [
            f"DROP TRIGGER IF EXISTS {name} ON public.{table}",
            f"CREATE TRIGGER {name} {when} ON public.{table} FOR EACH {each} EXECUTE FUNCTION placet_gate.{function}()",
            f"ALTER TABLE public.{table} ENABLE ALWAYS TRIGGER {name}",
        ]
    return ";\n".join(lines) + ";"


def regex(pattern: str) -> str:
    """Return a folded shell pattern (``*``, ``?``, ``[…]``) as a regular expression of PostgreSQL's, whole text."""
    out, at = [], 0
    while at < len(pattern):
        char, at = pattern[at], at + 1
        closing = pattern.find("]", at + 1) if char == "[" else -1
        if char == "*":
            out.append(".*")
        elif char == "?":
            out.append(".")
        elif closing > 0:
            inner, at = pattern[at:closing], closing + 1
            negated, inner = ("^", inner[1:]) if inner.startswith("!") else ("", inner)
            out.append(f"[{negated}{inner.replace(chr(92), chr(92) * 2).replace('^', chr(92) + '^')}]")
        else:
            out.append(char if char.isalnum() or char == "_" else f"\\{char}")
    return f"^(?:{''.join(out)})$"
