"""The gate itself: a mixin in front of MLflow's SQL registry that asks Placet before any protected write.

Every registry write of MLflow reaches exactly one store object, whichever route, prefix or client it comes by; so
standing here cannot be walked around over HTTP. What is not protected goes through without a question, also while
Placet is down.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from placet.mlflow_plugin import artifacts, protection
from placet.mlflow_plugin.decisions import Detail, NoDecision, Question, Subject, decide, deny, require_allowed
from placet.mlflow_plugin.freeze import note_change
from placet.mlflow_plugin.notices import send_notice
from placet.mlflow_plugin.offline import permitted
from placet.mlflow_plugin.word import spoken

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, ModelVersionTag, RegisteredModel, RegisteredModelTag

    _Store = Any  # MLflow's store, whose methods carry no types
else:
    _Store = object

PROMPT_RULE = (
    "MLflow hides prompts from model searches, so whether something is a prompt is settled when it is created. "
    "Create a new prompt or model under another name."
)


def _require_app(what: str) -> None:
    """Refuse in a server that has the store without the app: nobody is authenticated there, and nothing frozen."""
    from mlflow.server.constants import REGISTRY_STORE_URI_ENV_VAR

    if REGISTRY_STORE_URI_ENV_VAR in os.environ and not artifacts.is_installed():
        deny(f"Placet refused to {what}: this MLflow server was started without `--app-name governed`.")


class GateMixin(_Store):  # type: ignore[misc]
    """Gates the write methods of MLflow's registry store; ``surface`` lists them all.

    Each method takes what MLflow's own takes and returns what that returns. Each raises ``MlflowException``: with
    PERMISSION_DENIED where Placet does not allow the write, as MLflow does where the model or version is unknown.
    """

    # --- aliases and stages ---------------------------------------------------------------------------------------

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        """Point ``alias`` at a version; a protected alias needs Placet's word for this very version."""
        if not protection.is_protected_alias(alias):
            super().set_registered_model_alias(name, alias, version)
            return
        subject = self._version_subject(name, version)
        with self._allowed(
            "alias.set", subject, Detail(alias=alias), what=f"set alias '{protection.fold(alias)}' on {subject}"
        ):
            super().set_registered_model_alias(name, alias, version)
            note_change()
            self._confirm(subject, undo=lambda: super(GateMixin, self).delete_registered_model_alias(name, alias))

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Remove ``alias``; a protected one needs Placet's word."""
        if not protection.is_protected_alias(alias):
            super().delete_registered_model_alias(name, alias)
            return
        version = self.get_registered_model(name).aliases.get(alias)
        subject = self._model_subject(name) if version is None else self._version_subject(name, version)
        what = f"delete alias '{protection.fold(alias)}' of {subject}"
        with self._allowed("alias.delete", subject, Detail(alias=alias), what=what):
            super().delete_registered_model_alias(name, alias)
            note_change()

    def transition_model_version_stage(
        self, name: str, version: str, stage: str, archive_existing_versions: bool
    ) -> "ModelVersion":
        """Move a version to ``stage``; into and out of Production needs Placet's word."""
        if not (protection.is_protected_stage(stage) or self._stands_in_production(name, version)):
            moved: ModelVersion = super().transition_model_version_stage(
                name, version, stage, archive_existing_versions
            )
            return moved
        subject = self._version_subject(name, version)
        what = f"move {subject} to stage '{stage}'"
        with self._allowed("stage.transition", subject, Detail(stage=stage), what=what):
            moved = super().transition_model_version_stage(name, version, stage, archive_existing_versions)
            note_change()
            self._confirm(
                subject,
                undo=lambda: super(GateMixin, self).transition_model_version_stage(name, version, "None", False),
            )
        return moved

    # --- models ---------------------------------------------------------------------------------------------------

    def create_registered_model(
        self,
        name: str,
        tags: "Sequence[RegisteredModelTag] | None" = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> "RegisteredModel":
        """Create a model; a reserved tag among ``tags`` needs Placet's word."""
        with spoken(self._require_tags(self._model_subject(name), [tag.key for tag in tags or ()])):
            created: RegisteredModel = super().create_registered_model(name, tags, description, deployment_job_id)
        return created

    def rename_registered_model(self, name: str, new_name: str) -> "RegisteredModel":
        """Rename a model; a governed one needs Placet's word."""
        word = None
        if self._is_governed(name):
            word = self._require(
                "model.rename",
                self._model_subject(name),
                Detail(new_name=new_name),
                what=f"rename '{name}' to '{new_name}'",
            )
        with spoken(word):
            renamed: RegisteredModel = super().rename_registered_model(name, new_name)
        note_change()
        return renamed

    def delete_registered_model(self, name: str) -> None:
        """Delete a model with all its versions; a governed one needs Placet's word."""
        word = None
        if self._is_governed(name):
            word = self._require("model.delete", self._model_subject(name), Detail(), what=f"delete model '{name}'")
        with spoken(word):
            super().delete_registered_model(name)
        note_change()

    # --- versions -------------------------------------------------------------------------------------------------

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: "Sequence[ModelVersionTag] | None" = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> "ModelVersion":
        """Register a version, and tell Placet in the background who did.

        MLflow's copy passes the tags of its source on. Reserved ones speak of the source, not of the copy, so they are
        left behind; from any other source they need Placet's word.
        """
        tags = list(tags or ())
        if source.startswith("models:/"):
            tags = [tag for tag in tags if not protection.is_reserved_tag(tag.key)]
        word = self._require_tags(self._model_subject(name), [tag.key for tag in tags])
        is_prompt = any(protection.is_prompt_tag(tag.key) for tag in tags)
        if is_prompt and not self._is_prompt_model(name):
            # One such version would hide all versions of the model from searches.
            deny(f"Placet refused to mark a version of '{name}' as a prompt. {PROMPT_RULE}")
        with spoken(word):
            created: ModelVersion = super().create_model_version(
                name, source, run_id, tags, run_link, description, local_model_path, model_id
            )
        if not is_prompt:
            send_notice(Question(action="version.create", subject=self._version_subject(name, created.version)))
        return created

    def delete_model_version(self, name: str, version: str) -> None:
        """Delete a version and its aliases; one that is in production or carries a reserved tag needs Placet's word."""
        found, word = self.get_model_version(name, version), None
        if (
            any(map(protection.is_protected_alias, found.aliases))
            or protection.is_protected_stage(found.current_stage)
            or protection.any_reserved_tag(found.tags)
        ):
            subject = self._version_subject(name, version)
            word = self._require("version.delete", subject, Detail(), what=f"delete {subject}")
        with spoken(word):
            super().delete_model_version(name, version)
        note_change()

    # --- tags -----------------------------------------------------------------------------------------------------

    def set_registered_model_tag(self, name: str, tag: "RegisteredModelTag") -> None:
        """Set a tag of a model; a reserved one needs Placet's word, the prompt mark is frozen."""
        self._keep_prompt_mark(tag.key, tag.value, lambda: self.get_registered_model(name)._tags, what=f"'{name}'")
        with spoken(self._require_tags(self._model_subject(name), [tag.key])):
            super().set_registered_model_tag(name, tag)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Delete a tag of a model; a reserved one needs Placet's word, the prompt mark is frozen."""
        self._keep_prompt_mark(key, None, dict, what=f"'{name}'")
        with spoken(self._require_tags(self._model_subject(name), [key], action="tag.delete")):
            super().delete_registered_model_tag(name, key)

    def set_model_version_tag(self, name: str, version: str, tag: "ModelVersionTag") -> None:
        """Set a tag of a version; a reserved one needs Placet's word, the prompt mark is frozen."""
        what = f"'{name}' version {version}"
        self._keep_prompt_mark(tag.key, tag.value, lambda: self.get_model_version(name, version).tags, what=what)
        word = None
        if protection.is_reserved_tag(tag.key):
            word = self._require_tags(self._version_subject(name, version), [tag.key])
        with spoken(word):
            super().set_model_version_tag(name, version, tag)
        note_change()

    def delete_model_version_tag(self, name: str, version: str, key: str) -> None:
        """Delete a tag of a version; a reserved one needs Placet's word, the prompt mark is frozen."""
        self._keep_prompt_mark(key, None, dict, what=f"'{name}' version {version}")
        word = None
        if protection.is_reserved_tag(key):
            word = self._require_tags(self._version_subject(name, version), [key], action="tag.delete")
        with spoken(word):
            super().delete_model_version_tag(name, version, key)
        note_change()

    # --- what the rules above are made of -------------------------------------------------------------------------

    def _require(self, action: str, subject: Subject, detail: Detail, *, what: str) -> str | None:
        _require_app(what)
        return require_allowed(Question(action=action, subject=subject, detail=detail), what=what)

    @contextmanager
    def _allowed(self, action: str, subject: Subject, detail: Detail, *, what: str) -> Iterator[None]:
        """Let the write in the block happen on Placet's word, or on a permit while Placet is away."""
        _require_app(what)
        question, failure = Question(action=action, subject=subject, detail=detail), None
        try:
            write = spoken(decide(question, what=what))
        except NoDecision as silence:
            failure = silence
        if failure is not None:
            write = permitted(self, question, what=what, failure=failure)
        with write:
            yield

    def _require_tags(self, subject: Subject, keys: Iterable[str], *, action: str = "tag.set") -> str | None:
        """Ask once for each reserved key among ``keys``; the last word is returned."""
        verb, word = action.removeprefix("tag."), None
        for key in filter(protection.is_reserved_tag, keys):
            word = self._require(action, subject, Detail(key=key), what=f"{verb} the reserved tag '{key}' of {subject}")
        return word

    def _keep_prompt_mark(
        self, key: str, value: str | None, current: Callable[[], dict[str, str]], *, what: str
    ) -> None:
        """Refuse to add, change or remove the prompt mark; setting it to what it is already passes."""
        if protection.is_prompt_tag(key) and (value is None or current().get(key) != value):
            deny(f"Placet refused to change whether {what} is a prompt. {PROMPT_RULE}")

    def _confirm(self, subject: Subject, *, undo: Callable[[], object]) -> None:
        """Undo the write if the version was replaced while Placet decided.

        Deleting the model and making it anew gives another version the same number. Once a protected alias or stage
        stands, that deletion needs Placet's word itself, so what is seen here stays true.
        """
        if subject.version and self._version_subject(subject.name, subject.version) != subject:
            undo()
            deny(f"Placet refused the write: {subject} was replaced by another while it was decided. Try again.")

    def _model_subject(self, name: str) -> Subject:
        return Subject(workspace=self._get_active_workspace(), name=name)

    def _version_subject(self, name: str, version: str) -> Subject:
        """Return what the write is about as the database has it now: one row, read once.

        MLflow's own ``get_model_version`` and ``get_model_version_download_uri`` read it twice, with tags and aliases
        that nobody here asks for, and the caller of a protected write waits for each.
        """
        with self.ManagedSessionMaker(read_only=True) as session:
            row = self._get_sql_model_version(session, name, version)
            return Subject(
                workspace=self._get_active_workspace(),
                name=row.name,
                version=str(row.version),
                created_at_ms=row.creation_time,
                source=row.source,
                storage_location=row.storage_location or row.source,
                run_id=row.run_id or None,
            )

    def _stands_in_production(self, name: str, version: str) -> bool:
        return protection.is_protected_stage(self.get_model_version(name, version).current_stage)

    def _is_prompt_model(self, name: str) -> bool:
        mark = self.get_registered_model(name)._tags.get(protection.PROMPT_TAG)
        return protection.fold(mark) == "true"

    def _is_governed(self, name: str) -> bool:
        """Tell whether the model has a protected alias, a version in production, or a reserved tag on itself or one."""
        model = self.get_registered_model(name)
        return (
            any(map(protection.is_protected_alias, model.aliases))
            or any(protection.is_protected_stage(version.current_stage) for version in model.latest_versions)
            or protection.any_reserved_tag(model._tags)
            or protection.any_reserved_tag(self._version_tag_keys(name))
        )

    def _version_tag_keys(self, name: str) -> list[str]:
        """Return the tag keys of all versions of the model; ``search_model_versions`` could miss hidden ones."""
        from mlflow.store.model_registry.dbmodels.models import SqlModelVersionTag

        with self.ManagedSessionMaker(read_only=True) as session:
            rows = self._get_query(session, SqlModelVersionTag).filter(SqlModelVersionTag.name == name)
            return [row.key for row in rows]
