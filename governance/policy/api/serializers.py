"""What the policies' API takes and answers."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance.policy.diff import Change, Weight
from governance.policy.linting import Lint
from governance.policy.models import PolicyVersion
from governance.policy.problems import Problem


class PolicyInput(serializers.Serializer[Any]):
    """The YAML of a policy, and the commit that it is from."""

    text = serializers.CharField(trim_whitespace=False)  # its size is the reader's to refuse, with the line
    commit = serializers.CharField(required=False, allow_blank=True, max_length=64)
    repository = serializers.CharField(required=False, allow_blank=True, max_length=300)


class PolicyCheckInput(serializers.Serializer[Any]):
    """The YAML of a policy, and the version to compare it with: by default the one in force under its name."""

    text = serializers.CharField(trim_whitespace=False)
    against = serializers.UUIDField(required=False)


class PolicyOutput(serializers.ModelSerializer[PolicyVersion]):
    """One version of a policy."""

    class Meta:
        model = PolicyVersion
        fields = ["id", "name", "number", "digest", "made_at", "published_at", "commit", "repository"]


class PolicyTextOutput(PolicyOutput):
    """One version of a policy with its text."""

    class Meta(PolicyOutput.Meta):
        fields = [*PolicyOutput.Meta.fields, "text"]


class ProblemOutput(serializers.Serializer[Problem]):
    """One thing to put right, with its place in the document and its line in the text."""

    path = serializers.CharField()
    line = serializers.IntegerField()
    message = serializers.CharField()


@extend_schema_field(OpenApiTypes.ANY)
class AnyValue(serializers.JSONField):
    """A value of the YAML as it stands; null where there is none."""


class ChangeOutput(serializers.Serializer[Change]):
    """One place where two policies differ, and which way the newer one moves."""

    path = serializers.CharField()
    before = AnyValue()
    after = AnyValue()
    weight = serializers.ChoiceField(choices=[weight.value for weight in Weight])
    because = serializers.CharField()


class PolicyDiffOutput(serializers.Serializer[Any]):
    """What changed from ``against`` to ``policy``."""

    policy = PolicyOutput()
    against = PolicyOutput()
    loosens = serializers.IntegerField(help_text="How many of the changes loosen.")
    changes = ChangeOutput(many=True)


class PolicyCheckOutput(serializers.Serializer[Lint]):
    """What is to be said of a text: it is kept as a draft if ``problems`` is empty."""

    name = serializers.SerializerMethodField()
    digest = serializers.SerializerMethodField()
    problems = ProblemOutput(many=True)
    before_publication = ProblemOutput(many=True, help_text="What would keep it from being published as things stand.")
    newest = PolicyOutput(allow_null=True, help_text="The newest version of its name, drafted or published.")
    against = PolicyOutput(allow_null=True)
    changes = ChangeOutput(many=True)

    def get_name(self, lint: Lint) -> str:
        """Return the policy's name, empty for a text that is none."""
        return lint.document.name if lint.document else ""

    def get_digest(self, lint: Lint) -> str:
        """Return the digest that a version of this text would have, empty for a text that is none."""
        return lint.document.digest if lint.document else ""
