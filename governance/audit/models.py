"""Read-only views of the log's tables. The tables, triggers and rights are made by SQL in the migrations."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from governance.audit.anchors.sinks import place

SHARD = 1 << 48
"""How far apart the positions of two shards begin: ``position = shard * SHARD + index``.

A shard is the tree of one origin. There is a second one only after a fork (``manage.py notary fork``), and positions in
the tables of one shard never touch those of another, tiles included: 256 to the power of 6 divides SHARD.
"""


class Origin(models.Model):
    """The log's name, from one fork to the next."""

    shard = models.SmallIntegerField(primary_key=True)
    origin = models.TextField(unique=True)
    at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_origin"


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

    position = models.BigIntegerField(primary_key=True)
    entry = models.ForeignKey(Entry, on_delete=models.DO_NOTHING, related_name="leaves")
    leaf_hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_leaf"


class Node(models.Model):
    """The root of one complete tile of 256 hashes; level 1 stands over the leaves."""

    pk = models.CompositePrimaryKey("level", "position")
    level = models.SmallIntegerField()
    position = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_node"


class Search(models.Model):
    """What the pages find an entry by."""

    position = models.BigIntegerField(primary_key=True)
    event = models.TextField()
    actor = models.TextField()
    at = models.DateTimeField()
    words = ArrayField(models.TextField())

    class Meta:
        managed = False
        db_table = "audit_search"


class Checkpoint(models.Model):
    """A signed statement of the tree's size and root hash."""

    position = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_checkpoint"

    @property
    def size(self) -> int:
        """How many entries the checkpoint covers."""
        return self.position % SHARD


class Anchor(models.Model):
    """A copy of a checkpoint outside the database: where, since when, and what the far side signed, if it signs."""

    id = models.BigAutoField(primary_key=True)
    checkpoint = models.ForeignKey(
        Checkpoint, on_delete=models.DO_NOTHING, db_column="position", related_name="anchors"
    )
    sink = models.TextField()
    reference = models.TextField()
    proof = models.BinaryField(null=True)
    at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "audit_anchor"

    @property
    def size(self) -> int:
        """How many entries the anchored checkpoint covers."""
        return self.checkpoint_id % SHARD

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
