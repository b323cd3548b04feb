"""Check a policy before it is published: the fields it names exist, the types fit, the limits shown are the rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from governance.policy.cel import check_types
from governance.policy.document import HUMAN_REVIEW, Check, PolicyDocument, Shows
from governance.policy.expressions import Expression, InvalidExpression, read_expression
from governance.policy.facts import evidence_name
from governance.policy.problems import Problem
from governance.policy.shape import did_you_mean, line_of, problem_at
from governance.policy.source import Path, display

Projections = Mapping[str, Mapping[str, str]]
"""Evidence type without version -> path below it -> type, as ``evidence.projection.declared`` gives it: ``double``,
``int``, ``string`` or ``bool``, with ``?`` where it may be undefined. ``*`` or ``<feature>`` in a path stands for each
sensitive feature that the policy asks for, ``<kind>`` for each kind of document, ``<figure>`` for each result of an
evaluation. The keys ``candidate`` and
``production`` declare what stands there."""

ENFORCED_DATASET = "evaluation"
_KINDS = {"double": "number", "float": "number", "int": "number", "number": "number"}
_KINDS |= {"string": "text", "str": "text", "bool": "boolean", "boolean": "boolean"}
_FEATURE = frozenset({"*", "<feature>", "{feature}"})
_KIND, _FIGURE = "<kind>", "<figure>"


def check(document: PolicyDocument, projections: Projections) -> list[Problem]:
    """Return everything that keeps ``document`` from being published, by line; empty when nothing does.

    Found are: unknown (misspelt) fields, type errors, evidence that is named but not asked for, a shown limit that the
    expression does not use, an interval check that reads the wrong bound, a stage that nobody could satisfy, and what
    the language names but nothing enforces yet: no policy in force may promise what does not happen.
    """
    kinds = declared_kinds(document, projections)
    problems = [
        problem
        for requirement in document.evidence
        if requirement.name not in projections
        for problem in [_unknown_evidence(document, requirement.type, projections)]
    ]
    for index, rule in enumerate(document.checks):
        problems += _check_problems(document, index, rule, kinds)
    problems += _unsatisfiable_stages(document)
    problems += _unenforced(document)
    return sorted(problems, key=lambda problem: problem.line)


def _unsatisfiable_stages(document: PolicyDocument) -> Iterator[Problem]:
    for index, stage in enumerate(document.stages):
        if stage.requires == HUMAN_REVIEW and not set(stage.roles) & set(document.human_review_roles):
            yield problem_at(
                document.source,
                ("stages", index, "requires"),
                f"Nobody in stage {stage.name} could give the review that it requires: reviews are signed by "
                f"{', '.join(document.human_review_roles)} (`human_review.roles`).",
            )


def _unenforced(document: PolicyDocument) -> Iterator[Problem]:
    source = document.source
    found: list[tuple[Path, str, str]] = [
        (("evidence", item.type, "dataset"), f"dataset: {item.dataset}", "evidence is made on evaluation data")
        for item in document.evidence
        if item.dataset not in (None, ENFORCED_DATASET)
    ]
    for path, what, instead in found:
        yield problem_at(source, path, f"`{what}` is not enforced yet; {instead}.")


def declared_kinds(document: PolicyDocument, projections: Projections) -> dict[str, str]:
    """Return every path that ``document`` may name, with its kind (number, text, boolean)."""
    kinds: dict[str, str] = {}
    for name, fields in projections.items():
        head = name if name in ("candidate", "production") else f"evidence.{name}"
        features, documents = _named(document, name, "sensitive_features"), _documents(document, name)
        figures = _named(document, name, "figures")
        for path, declared in fields.items():
            kind = _KINDS[declared.removesuffix("?")]
            names = documents if _KIND in path else figures if _FIGURE in path else features
            for expanded in _expanded(path, names):
                kinds[f"{head}.{expanded}"] = kind
    return kinds


def _named(document: PolicyDocument, name: str, parameter: str) -> tuple[str, ...]:
    requirement = document.requirement(name)
    names = requirement.parameters.get(parameter, ()) if requirement else ()
    return names if isinstance(names, tuple) else ()


def _documents(document: PolicyDocument, name: str) -> tuple[str, ...]:
    requirement = document.requirement(name)
    return requirement.kinds if requirement else ()


def _expanded(path: str, names: tuple[str, ...]) -> list[str]:
    parts, places = path.split("."), _FEATURE | {_KIND, _FIGURE}
    if places.isdisjoint(parts):
        return [path]
    return [".".join(str(name) if part in places else part for part in parts) for name in names]


def _unknown_evidence(document: PolicyDocument, evidence_type: str, projections: Projections) -> Problem:
    name = evidence_type.partition("/")[0]
    hint = did_you_mean(name, set(projections) - {"candidate", "production"})
    return problem_at(document.source, ("evidence", evidence_type), f"There is no evidence type `{name}`{hint}")


def _check_problems(document: PolicyDocument, index: int, rule: Check, kinds: Mapping[str, str]) -> Iterator[Problem]:
    read: dict[str, Expression] = {}
    for key, text in (("expr", rule.expr), ("fails_if", rule.fails_if)):
        if text is None:
            continue
        path: Path = ("checks", index, key)
        try:
            read[key] = read_expression(text)
            check_names = list(_names(document, path, read[key].references, kinds))
            yield from check_names
            if not check_names:
                check_types(read[key], kinds)
        except InvalidExpression as error:
            yield _expression_problem(document, path, error)
    if rule.shows is not None:
        yield from _shows_problems(document, index, rule.shows, read, kinds)


def _names(
    document: PolicyDocument, path: Path, references: frozenset[str], kinds: Mapping[str, str]
) -> Iterator[Problem]:
    for name in sorted(references):
        evidence = evidence_name(name)
        if name not in kinds:
            yield problem_at(document.source, path, f"There is no field `{name}`{did_you_mean(name, kinds)}")
        elif evidence is not None and document.requirement(evidence) is None:
            yield problem_at(
                document.source,
                path,
                f"`{name}` needs {evidence} evidence, which this policy does not ask for; add it to `evidence`.",
            )


def _expression_problem(document: PolicyDocument, path: Path, error: InvalidExpression) -> Problem:
    source = document.source
    line = source.text_lines[path]
    if path in source.literal:  # only there are the expression's own lines those of the file
        line += error.line - 1
    where = f" (column {error.column} of the expression)" if error.column > 1 or error.line > 1 else ""
    return Problem(display(path), max(line, line_of(source, path)), error.message + where)


def _shows_problems(
    document: PolicyDocument, index: int, shows: Shows, read: Mapping[str, Expression], kinds: Mapping[str, str]
) -> Iterator[Problem]:
    base: Path = ("checks", index, "shows")
    for key, name in shows.paths.items():
        yield from _names(document, (*base, key), frozenset({name}), kinds)
        if kinds.get(name, "number") != "number":
            yield problem_at(document.source, (*base, key), f"`{name}` is not a number, so it can't be drawn.")
    for key, expression in read.items():
        path: Path = ("checks", index, key)
        if shows.limit is not None and shows.limit not in expression.numbers:
            yield problem_at(
                document.source,
                path,
                f"The shown limit {shows.limit:g} is not in `{key}`: people would see a limit that is not the rule.",
            )
        yield from _interval_problems(document, path, shows, expression)
    if shows.low is not None and "fails_if" not in read and "expr" in read:
        yield problem_at(
            document.source,
            ("checks", index),
            "A check on an interval needs `fails_if`: without it, too little data would count as a failure.",
        )


def _interval_problems(document: PolicyDocument, path: Path, shows: Shows, expression: Expression) -> Iterator[Problem]:
    """The whole interval must clear the limit to pass, and the whole interval must miss it to fail."""
    if shows.low is None or shows.high is None or shows.better is None:
        return
    passing = path[-1] == "expr"
    bound = shows.low if passing == (shows.better == "higher") else shows.high
    if bound not in expression.references:
        verb = (
            "pass only if the whole interval clears the limit"
            if passing
            else "fail only if the whole interval misses it"
        )
        yield problem_at(
            document.source, path, f"A check must {verb}: with {shows.better} better, read `{bound}` here."
        )
