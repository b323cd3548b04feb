"""What an MLflow has in production that Placet did not put there: read from MLflow itself, compared with the mirror."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from uuid import UUID

import httpx

from governance.accounts.models import User
from governance.common import clock
from governance.common.errors import InvalidInput
from governance.inventory.models import AISystem
from placet.mlflow_plugin.protection import fold, is_protected_stage
from placet.uris import split_workspace
from registry import mlflow, protected
from registry.errors import MlflowDown
from registry.models import AdoptedAlias, AliasHistory, ModelVersion, RegisteredModel


@dataclass(frozen=True)
class Place:
    """One protected alias, folded, or one version in stage Production, as MLflow has it. Number 0: it can't be told.

    ``model`` is what it is called, with its workspace.
    """

    model: str
    alias: str
    stage: str
    number: int
    created_at_ms: int
    problem: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is called: the version of an alias may change, that of a stage is its name."""
        return self.model, self.alias, f"{self.stage}/{self.number}" if self.stage else ""


@dataclass(frozen=True)
class Look:
    """What was in production, and the moment by which all of it had been read."""

    at: datetime
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Wanted:
    """Which models, and whose each of them is.

    Attributes:
        only: shell patterns of model names; empty for all.
        owner: who answers for a model that the mapping gives nobody, by id or address.
        mapping: by model ``{system, owner}``: slug of an AI system, id or address of a person; either may be left out.
    """

    only: tuple[str, ...] = ()
    owner: str = ""
    mapping: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One place with all that Placet knows of it; ``problem`` says why it can't be adopted as it is."""

    place: Place
    model: RegisteredModel | None
    version: ModelVersion | None
    system: AISystem | None
    owner: User | None
    problem: str = ""

    @property
    def digest(self) -> str:
        """The digest of the version's bytes, empty where they were not fetched."""
        return self.version.artifact_digest if self.version else ""


def look() -> Look:
    """Read every protected alias and every version in stage Production from all of MLflow. Outside any transaction.

    Raises:
        MlflowDown: MLflow does not answer, or not for one of its workspaces.
    """
    gate = protected.in_force()
    places: list[Place] = []
    with mlflow.Client() as client:
        for workspace in client.workspaces():
            try:
                places += _places(client.within(workspace), gate)
            except httpx.HTTPStatusError as error:
                status = error.response.status_code
                raise MlflowDown(f"MLflow answers {status} for its workspace {workspace}. Nothing was read.") from error
    return Look(clock.now(), tuple(sorted(places, key=lambda place: place.key)))


def _places(client: mlflow.Client, gate: protected.Protected) -> Iterator[Place]:
    """Yield what one workspace has in production."""
    pointers: dict[str, dict[str, list[tuple[str, int]]]] = {}
    for model in (client.read_model(row) for page in client.model_pages() for row in page):
        for alias, number in model.aliases.items():
            if gate.protects(alias):
                pointers.setdefault(str(model), {}).setdefault(fold(alias), []).append((alias, number))
    wanted = {(model, number) for model, held in pointers.items() for two in held.values() for _, number in two}
    made: dict[tuple[str, int], int] = {}
    for version in (client.read_version(row) for page in client.version_pages() for row in page):
        if (version.model, version.number) in wanted:
            made[version.model, version.number] = version.created_at_ms
        if is_protected_stage(version.stage):
            yield Place(version.model, "", "Production", version.number, version.created_at_ms)
    for called, held in pointers.items():
        for alias, two in held.items():
            yield _aliased(called, alias, two, made)


def _aliased(model: str, alias: str, pointers: list[tuple[str, int]], made: Mapping[tuple[str, int], int]) -> Place:
    if len(pointers) > 1:
        spelt = " and ".join(f"{spelling!r} (version {number})" for spelling, number in sorted(pointers))
        return Place(model, alias, "", 0, 0, f"MLflow has {spelt}, one name to the gate: take one of them off first.")
    number = pointers[0][1]
    at = made.get((model, number))
    if at is None:
        return Place(model, alias, "", number, 0, "MLflow moved it while it was read; look again.")
    return Place(model, alias, "", number, at)


def rows(seen: Look, wanted: Wanted) -> list[Row]:
    """Return what could be adopted of what was seen; what Placet put there, or adopted before, is left out.

    Raises:
        InvalidInput: the mapping or the owner names somebody or something that is not there.
    """
    places = [place for place in seen.places if _is_wanted(place.model, wanted.only)]
    people, systems = _people(wanted), _systems(wanted)
    called = {place.model: split_workspace(place.model) for place in places}
    spaces, names = {space for space, _ in called.values()}, {name for _, name in called.values()}
    named = RegisteredModel.objects.filter(workspace__in=spaces, name__in=names).select_related("system__owner")
    models = {str(row): row for row in named if str(row) in called}
    versions = {
        (row.model_id, row.number, row.mlflow_created_at_ms): row
        for row in ModelVersion.objects.filter(model__in=models.values())
    }
    live = {
        (str(row.model), row.alias): row
        for row in AliasHistory.objects.filter(model__in=models.values(), during__endswith__isnull=True).select_related(
            "model", "version"
        )
    }
    staged = set(
        AdoptedAlias.objects.filter(state="adopted", left_at__isnull=True, alias="").values_list("version", flat=True)
    )
    found = []
    for place in places:
        model = models.get(place.model)
        version = versions.get((model.pk, place.number, place.created_at_ms)) if model else None
        span = live.get((place.model, place.alias))
        if version and (version.pk in staged if place.stage else span is not None and span.version_id == version.pk):
            continue
        given = wanted.mapping.get(place.model, {})
        system = (model.system if model else None) or systems.get(given.get("system", ""))
        owner = people.get(given.get("owner") or wanted.owner) or (system.owner if system else None)
        row = Row(place, model, version, system, owner)
        found.append(Row(place, model, version, system, owner, _problem(row, span, given)))
    return found


def _problem(row: Row, span: AliasHistory | None, given: Mapping[str, str]) -> str:
    if row.place.problem:
        return row.place.problem
    if span is not None:
        return (
            f"Placet has version {span.version.number} there: what moved it since is a finding. Promote, or take it "
            "off."
        )
    if row.model is None or row.version is None:
        return "Placet has not mirrored this version yet; it does within a minute."
    slug = given.get("system")
    if slug and row.model.system and row.model.system.slug != slug:
        return f"It belongs to {row.model.system.slug}, not to {slug} as the mapping says."
    return "" if row.owner else "Nobody is named who answers for it."


def unused(wanted: Wanted, found: Iterable[Row]) -> list[str]:
    """Return the models of the mapping that have nothing to adopt: misspelt, or not in production."""
    return sorted(set(wanted.mapping) - {row.place.model for row in found})


def _is_wanted(name: str, only: Collection[str]) -> bool:
    return not only or any(fnmatchcase(name, pattern) for pattern in only)


def _people(wanted: Wanted) -> dict[str, User]:
    """Return who is named, by how they are named; each an active person."""
    named = {wanted.owner, *(given.get("owner", "") for given in wanted.mapping.values())} - {""}
    active = User.objects.filter(is_active=True, sponsor__isnull=True)
    by_name: dict[str, User] = {}
    for person in active.filter(email__in={name.lower() for name in named if "@" in name}):
        by_name[person.email] = person
    for person in active.filter(pk__in=[name for name in named if _is_uuid(name)]):
        by_name[str(person.pk)] = person
    found = {name: by_name[name.lower()] for name in named if name.lower() in by_name}
    if missing := sorted(named - found.keys()):
        raise InvalidInput(f"No active person has the id or address {', '.join(missing[:20])}.")
    return found


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _systems(wanted: Wanted) -> dict[str, AISystem]:
    named = {given.get("system", "") for given in wanted.mapping.values()} - {""}
    found = {row.slug: row for row in AISystem.objects.select_related("owner").filter(slug__in=named)}
    if missing := sorted(named - found.keys()):
        raise InvalidInput(f"No AI system has the slug {', '.join(missing[:20])}.")
    return found
