"""Put the app's tables under the log's guard."""

from django.db import migrations

from governance.audit.operations import Govern

# A service account is its sponsor's hand: neither may put in force what the other wrote.
PUBLISHER = """
CREATE FUNCTION policy_another_hand_publishes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.publisher_id IS NOT NULL AND EXISTS (
    SELECT FROM accounts_user author, accounts_user publisher
     WHERE author.id = NEW.author_id AND publisher.id = NEW.publisher_id
       AND COALESCE(author.sponsor_id, author.id) = COALESCE(publisher.sponsor_id, publisher.id)) THEN
    RAISE EXCEPTION 'policy version % would be published by the hand that wrote it', NEW.id
      USING ERRCODE = '23514', CONSTRAINT = 'policy_published_by_another_hand';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER another_hand_publishes BEFORE INSERT OR UPDATE ON policy_policyversion
  FOR EACH ROW EXECUTE FUNCTION policy_another_hand_publishes();
ALTER TABLE policy_policyversion ENABLE ALWAYS TRIGGER another_hand_publishes;
"""

# Who publishes signs what the author wrote: of a draft, too, only its publication is ever written.
DRAFT = """
CREATE FUNCTION policy_draft_stays_as_written() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'policy version % stays as it was drafted', OLD.id
    USING ERRCODE = '23514', CONSTRAINT = 'policy_draft_stays_as_written';
END $$;
CREATE TRIGGER draft_stays_as_written BEFORE UPDATE ON policy_policyversion FOR EACH ROW
  WHEN ((NEW.id, NEW.name, NEW.number, NEW.text, NEW.digest, NEW.author_id, NEW.made_at, NEW.commit, NEW.repository)
        IS DISTINCT FROM
        (OLD.id, OLD.name, OLD.number, OLD.text, OLD.digest, OLD.author_id, OLD.made_at, OLD.commit, OLD.repository))
  EXECUTE FUNCTION policy_draft_stays_as_written();
ALTER TABLE policy_policyversion ENABLE ALWAYS TRIGGER draft_stays_as_written;
"""


class Migration(migrations.Migration):
    dependencies = [("policy", "0001_tables"), ("audit", "0002_log")]
    operations = [
        Govern("policy_policyversion", sealed_when="published_at"),
        migrations.RunSQL(PUBLISHER, "DROP FUNCTION policy_another_hand_publishes CASCADE"),
        migrations.RunSQL(DRAFT, "DROP FUNCTION policy_draft_stays_as_written CASCADE"),
    ]
