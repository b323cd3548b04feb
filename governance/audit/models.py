"""Read-only views of the log's tables. The tables, triggers and rights are made by SQL in the migrations."""

from django.db import models

from governance.audit.anchors.sinks import place


class Entry(models.Model):
    """One entry: its exact bytes, and what the database itself noted when it arrived."""

    id = models.UUIDField(primary_key=True)
    seq = models.BigIntegerField(unique=True)
    body = models.BinaryField()
    leaf_hash = models.BinaryField()
    request = models.TextField(null=True)  # noqa: DJ001 (derived by the database from the bytes; null is "none")
    recorded_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_entry"


class Subject(models.Model):
    """One governed row that an entry names, with the row's digest before and after."""

    pk = models.CompositePrimaryKey("entry_id", "table", "key")
    entry = models.ForeignKey(Entry, on_delete=models.DO_NOTHING, related_name="subjects")
    table = models.TextField()
    key = models.TextField()
    before = models.TextField(null=True)  # noqa: DJ001 (null and empty differ: null is "no row")
    after = models.TextField(null=True)  # noqa: DJ001

    class Meta:
        managed = False
        db_table = "audit_subject"


class Payload(models.Model):
    """The erasable part of an entry; the entry holds only its salted commitment."""

    entry = models.OneToOneField(Entry, primary_key=True, on_delete=models.DO_NOTHING, related_name="payload")
    salt = models.BinaryField()
    payload = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_payload"


class Leaf(models.Model):
    """The place of an entry in the tree, given by the notary, without gaps."""

    index = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(Entry, on_delete=models.DO_NOTHING, related_name="leaf")
    leaf_hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_leaf"


class Node(models.Model):
    """The root of one complete tile of 256 hashes; level 1 stands over the leaves."""

    pk = models.CompositePrimaryKey("level", "index")
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_node"


class Checkpoint(models.Model):
    """A signed statement of the tree's size and root hash."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_checkpoint"


class Anchor(models.Model):
    """A copy of a checkpoint outside the database: where, and when."""

    id = models.BigAutoField(primary_key=True)
    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.DO_NOTHING, db_column="size", related_name="anchors")
    sink = models.TextField()
    reference = models.TextField()
    proof = models.BinaryField(null=True)
    at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_anchor"

    @property
    def where(self) -> str:
        """The place in words."""
        return place(self.sink)


class AnchorSink(models.Model):
    """A place that the notary publishes to at present, and how that goes: no row of the log, changed freely."""

    name = models.TextField(primary_key=True)
    every_s = models.IntegerField()
    failing_since = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    error = models.TextField(default="")

    class Meta:
        managed = False
        db_table = "audit_sink"
