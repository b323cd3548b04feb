"""Migration operations: put a table under the log's guard."""

from typing import Any

from django.db.migrations.operations import RunSQL

from governance.audit.governed import digest_function


class Govern(RunSQL):
    """Refuse, at commit, every change of ``table`` that no log entry of the same transaction names.

    Args:
        table: a table with a uuid ``id`` and a ``log_entry`` column.
        immutable: refuse UPDATE and DELETE at once.
        sealed_when: a column; rows in which it is set refuse UPDATE and DELETE.
    """

    def __init__(self, table: str, *, immutable: bool = False, sealed_when: str = "") -> None:
        self.table, self.immutable, self.sealed_when = table, immutable, sealed_when
        forward: list[Any] = [
            # The row's digest by its key. One function a table, so that its plan is made once a session; what shapes
            # text is pinned, as where the trigger computes the same.
            f"""CREATE FUNCTION "{digest_function(table)}"(key uuid) RETURNS text LANGUAGE plpgsql STABLE
                SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD'
                SET intervalstyle = 'iso_8601' SET bytea_output = 'hex' SET extra_float_digits = 1 AS $$
                DECLARE content jsonb;
                BEGIN
                  SELECT to_jsonb(t) INTO content FROM public."{table}" t WHERE t.id = key;
                  RETURN public.audit_digest(content);
                END $$""",  # noqa: S608 (a table of ours)
            f'GRANT EXECUTE ON FUNCTION "{digest_function(table)}"(uuid) TO placet_app, placet_notary, placet_privacy',
            f"""CREATE CONSTRAINT TRIGGER audit_entry_required AFTER INSERT OR UPDATE OR DELETE ON "{table}"
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_require_entry()""",
            f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER audit_entry_required',
            f"""CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON "{table}"
                FOR EACH STATEMENT EXECUTE FUNCTION audit_deny()""",
            f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER audit_no_truncate',
        ]
        if immutable or sealed_when:
            condition = f'WHEN (OLD."{sealed_when}" IS NOT NULL)' if sealed_when else ""
            forward += [
                f"""CREATE TRIGGER audit_immutable BEFORE UPDATE OR DELETE ON "{table}"
                    FOR EACH ROW {condition} EXECUTE FUNCTION audit_deny()""",
                f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER audit_immutable',
            ]
        backward: list[Any] = [
            f'DROP TRIGGER IF EXISTS {name} ON "{table}"'
            for name in ("audit_immutable", "audit_no_truncate", "audit_entry_required")
        ]
        backward.append(f'DROP FUNCTION "{digest_function(table)}"(uuid)')
        super().__init__(sql=forward, reverse_sql=backward)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__qualname__, [self.table], {"immutable": self.immutable, "sealed_when": self.sealed_when}
