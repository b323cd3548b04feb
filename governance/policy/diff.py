"""What changed between two versions of a policy, and which way: does it loosen, tighten, or neither?

Compared is what the texts say, not their lines: checks are matched by id, stages by name, evidence by type. A change is
ranked by what it does to one request, everything else held: it loosens if some request could pass, or somebody could
sign, that could not before. What can't be ranked counts as loosening, so that nobody reads past it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from governance.policy.document import PolicyDocument, digest
from governance.policy.limits import easier_to_meet, harder_to_meet, same_words
from governance.policy.source import Json
from governance.policy.watching import QUANTILE, UNSAID


class Weight(StrEnum):
    """Which way a change moves a policy."""

    LOOSENS = "loosens"
    TIGHTENS = "tightens"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Change:
    """One place where two policies differ.

    Attributes:
        path: where, such as ``checks[performance.auc-floor].on_fail`` or ``approval.valid_for``.
        before: the older value; None where there was none.
        after: the newer value; None where there is none any more.
        weight: which way it moves the policy.
        because: one sentence that says why it has that weight; empty for what has none.
    """

    path: str
    before: Json
    after: Json
    weight: Weight
    because: str = ""


Ranked = tuple[Weight, str]
Rule = Callable[[Json, Json], Ranked]
_Place = tuple[str, ...]

_NEUTRAL: Ranked = (Weight.NEUTRAL, "")
_UNRANKED: Ranked = (Weight.LOOSENS, "Which way this moves can't be told by rule: read it as a loosening.")
_KEYS: dict[_Place, str] = {("checks",): "id", ("stages",): "name"}
_WORDS = frozenset({"title", "description", "why", "owner", "supports"})


def diff(old: PolicyDocument, new: PolicyDocument) -> list[Change]:
    """Return each place where ``new`` differs from ``old``, in the order of the texts; empty for the same content.

    A part that came or went as a whole (a check, a stage, a type of evidence) is one change with the whole part.
    """
    return [
        Change(_display(place), before, after, *_rank(place, before, after))
        for place, before, after in _changes(old.source.data, new.source.data, ())
    ]


def _changes(before: Json, after: Json, place: _Place) -> Iterator[tuple[_Place, Json, Json]]:
    if _same(before, after):
        return
    if place in _KEYS:
        yield from _of_list(_parts(before, _KEYS[place]), _parts(after, _KEYS[place]), place)
    elif _is_part(place) and (before is None or after is None):
        yield place, before, after
    elif isinstance(before, dict | None) and isinstance(after, dict | None):
        inner = list(_of_mapping(before or {}, after or {}, place))
        yield from inner or [(place, before, after)]
    else:
        yield place, before, after


def _of_mapping(before: dict[str, Json], after: dict[str, Json], place: _Place) -> Iterator[tuple[_Place, Json, Json]]:
    for key in {**before, **after}:
        yield from _changes(before.get(key), after.get(key), (*place, key))


def _of_list(before: dict[str, Json], after: dict[str, Json], place: _Place) -> Iterator[tuple[_Place, Json, Json]]:
    yield from _of_mapping(before, after, place)
    kept_before: list[Json] = [key for key in before if key in after]
    kept_after: list[Json] = [key for key in after if key in before]
    if kept_before != kept_after:
        yield place, kept_before, kept_after


def _parts(value: Json, key: str) -> dict[str, Json]:
    items = value if isinstance(value, list) else []
    return {str(item[key]): item for item in items if isinstance(item, dict)}


def _is_part(place: _Place) -> bool:
    return len(place) == 2 and place[0] in ("checks", "stages", "evidence")


def _same(one: Json, other: Json) -> bool:
    """Return whether two values are one in a policy's digest: 1 and 1.0 are, 1 and true are not."""
    return one is other or digest({"": one}) == digest({"": other})


def _display(place: _Place) -> str:
    parts = [f"[{part}]" if index == 1 and place[:1] in _KEYS else f".{part}" for index, part in enumerate(place)]
    return "".join(parts).removeprefix(".")


def _rank(place: _Place, before: Json, after: Json) -> Ranked:
    if place[-1] in _WORDS:
        return _NEUTRAL
    if _is_part(place) and (before is None or after is None):
        kind = {"checks": "The check", "stages": "The stage", "evidence": "The evidence"}[place[0]]
        if after is None:
            return Weight.LOOSENS, f"{kind} is asked for no more."
        return Weight.TIGHTENS, f"{kind} is asked for besides."
    for pattern, rule in _RULES.items():
        if len(pattern) == len(place) and all(want in ("*", part) for want, part in zip(pattern, place, strict=True)):
            return rule(before, after)
    return _UNRANKED


def _neutral(before: Json, after: Json) -> Ranked:
    return _NEUTRAL


def _named(before: Json, after: Json) -> Ranked:
    """Rank what a figure is: its limits, which come or go with it, say which way that moves."""
    return _UNRANKED if before is not None and after is not None else _NEUTRAL


def _scale(*strict_to_lax: str, default: str) -> Rule:
    """Rank a word by its place on a scale; ``default`` is what counts where the policy says nothing."""

    def rule(before: Json, after: Json) -> Ranked:
        said = [str(value or default) for value in (before, after)]
        if not set(said) <= set(strict_to_lax):
            return _UNRANKED
        was, now = map(strict_to_lax.index, said)
        if was == now:
            return _NEUTRAL
        words = f"`{strict_to_lax[now]}` is {{}} than `{strict_to_lax[was]}`."
        return (Weight.LOOSENS, words.format("laxer")) if now > was else (Weight.TIGHTENS, words.format("stricter"))

    return rule


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _days(value: Json) -> float:
    text = str(value)
    digits = "".join(takewhile(str.isdigit, text[1:]))
    return float(digits) * (7 if text.endswith("W") else 1)


def _amount(*, lax: str, default: float, of: Callable[[Json], float] = _number) -> Rule:
    """Rank a figure whose lax side is ``up`` or ``down``; ``default`` is what counts where the policy says nothing."""

    def rule(before: Json, after: Json) -> Ranked:
        was, now = (default if value is None else of(value) for value in (before, after))
        if was == now:
            return _NEUTRAL
        if (now > was) == (lax == "up"):
            return Weight.LOOSENS, "The limit moves to the lax side."
        return Weight.TIGHTENS, "The limit moves to the strict side."

    return rule


def _members(*, more: Ranked, fewer: Ranked, default: Sequence[str] = ()) -> Rule:
    """Rank a list by who or what came and went; where both did, the loosening counts."""

    def rule(before: Json, after: Json) -> Ranked:
        was, now = (set(_listed(value, default)) for value in (before, after))
        found = [*([more] if now - was else []), *([fewer] if was - now else [])]
        return min(found, key=lambda ranked: ranked[0] is not Weight.LOOSENS, default=_NEUTRAL)

    return rule


def _measured(*, unsaid: Ranked) -> Rule:
    """Rank what is measured by; ``unsaid`` is how it ranks to say nothing any more, and to say something loosens."""
    members = _members(**_MORE_MEASURED)

    def rule(before: Json, after: Json) -> Ranked:
        if before is None:
            return Weight.LOOSENS, "It is measured for what is named, and for nothing else."
        return unsaid if after is None else members(before, after)

    return rule


def _listed(value: Json, default: Sequence[str]) -> list[str]:
    if value is None:
        return list(default)
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _passing(before: Json, after: Json) -> Ranked:
    """Rank the condition under which a check passes."""
    if easier_to_meet(str(before), str(after)):
        return Weight.LOOSENS, "The limit moves to the lax side: more passes."
    if harder_to_meet(str(before), str(after)):
        return Weight.TIGHTENS, "The limit moves to the strict side: less passes."
    return _NEUTRAL if same_words(str(before), str(after)) else _UNRANKED


def _failing(before: Json, after: Json) -> Ranked:
    """Rank the condition under which a check fails; without one it fails whenever it does not pass."""
    if before is None:
        return Weight.LOOSENS, "What failed for not passing is `insufficient` now, unless this says that it fails."
    if after is None:
        return Weight.TIGHTENS, "Whatever does not pass fails now; nothing is `insufficient` for its interval any more."
    if harder_to_meet(str(before), str(after)):
        return Weight.LOOSENS, "The limit moves to the lax side: less fails."
    if easier_to_meet(str(before), str(after)):
        return Weight.TIGHTENS, "The limit moves to the strict side: more fails."
    return _NEUTRAL if same_words(str(before), str(after)) else _UNRANKED


def _dataset(before: Json, after: Json) -> Ranked:
    if before is None:
        return Weight.TIGHTENS, "Which data it is made on is said now."
    return Weight.LOOSENS, "It may be made on other data."


def _inherits(before: Json, after: Json) -> Ranked:
    if bool(before) == bool(after):
        return _NEUTRAL
    if after:
        return Weight.LOOSENS, "What is known of a base may stand for it."
    return Weight.TIGHTENS, "It must be about the version itself."


_REACH_MORE: Ranked = (
    Weight.LOOSENS,
    "It reaches further: what no policy let through, or a stricter one governed, comes under these terms.",
)
_REACH_LESS: Ranked = (Weight.LOOSENS, "It reaches less far: what it leaves falls to another policy, or to none.")
_REACH = {"more": _REACH_MORE, "fewer": _REACH_LESS}
_MORE_HANDS = {
    "more": (Weight.LOOSENS, "More people can do it."),
    "fewer": (Weight.TIGHTENS, "Fewer people can do it."),
}
_MORE_KEPT = {
    "more": (Weight.TIGHTENS, "More people are kept from deciding."),
    "fewer": (Weight.LOOSENS, "Fewer people are kept from deciding."),
}
_MORE_MEASURED = {
    "more": (Weight.TIGHTENS, "It is measured for more."),
    "fewer": (Weight.LOOSENS, "It is measured for less."),
}
_MORE_PAPERS = {
    "more": (Weight.TIGHTENS, "More documents must be there."),
    "fewer": (Weight.LOOSENS, "Fewer documents must be there."),
}
_TAKES_OVER = {
    "more": (Weight.LOOSENS, "It takes the place of another policy where both fit."),
    "fewer": (Weight.NEUTRAL, ""),
}
_REQUIRED = {
    "more": (Weight.TIGHTENS, "Nobody approves before it is there."),
    "fewer": (Weight.LOOSENS, "People may approve without it."),
}

_MORE_DONE = {
    "more": (Weight.TIGHTENS, "A breach has more consequences."),
    "fewer": (Weight.LOOSENS, "A breach has fewer consequences."),
}
_LIMITED = {name: getattr(UNSAID, name) for name in ("numeric", "categorical", "missing", "new_categories")}
_NEVER = float("inf")
_MEASURED: _Place = ("latency", "performance", "estimated_performance", "selection_difference", "tpr_difference")
_WATCHED: dict[_Place, Rule] = {
    ("every",): _amount(lax="up", default=7.0, of=_days),
    **{(name, "watch"): _amount(lax="up", default=limits.watch) for name, limits in _LIMITED.items()},
    **{(name, "limit"): _amount(lax="up", default=limits.limit) for name, limits in _LIMITED.items()},
    ("volume", "least"): _amount(lax="down", default=UNSAID.volume.least),
    ("volume", "most"): _amount(lax="up", default=UNSAID.volume.most),
    ("volume", "compare"): _neutral,
    ("fdr",): _amount(lax="down", default=UNSAID.fdr),
    ("min_n",): _amount(lax="up", default=float(UNSAID.min_n)),
    ("share",): _amount(lax="up", default=0.0),
    ("on_breach",): _members(**_MORE_DONE),
    # What is not named is not measured, so it never alarms.
    **{(name, limit): _amount(lax="up", default=_NEVER) for name in _MEASURED for limit in ("watch", "limit")},
    **{("kpis", "*", limit): _amount(lax="up", default=_NEVER) for limit in ("watch", "limit")},
    **{("selection_ratio", limit): _amount(lax="down", default=0.0) for limit in ("watch", "limit")},
    ("latency", "quantile"): _amount(lax="down", default=QUANTILE),
    ("labels_after",): _amount(lax="up", default=0.0, of=_days),
    **{
        (name, "min_n"): _amount(lax="up", default=float(UNSAID.min_n))
        for name in ("performance", "estimated_performance")
    },
    ("performance", "metric"): _named,
    ("estimated_performance", "metric"): _named,
    ("kpis", "*", "better"): _named,
    ("kpis",): _neutral,  # empty, or left out
}
"""A figure of another method is another figure: that change is left unranked."""

_RULES: dict[_Place, Rule] = {
    ("policy",): _neutral,
    ("applies_to", "ai_act_class"): _members(**_REACH),
    ("applies_to", "model_tier"): _members(**_REACH, default=("1", "2", "3", "4")),
    ("supersedes",): _members(**_TAKES_OVER),
    ("mode",): _scale("block", "warn", "observe", default="block"),
    ("targets",): _members(**_REACH),
    ("evidence", "*", "max_age"): _amount(lax="up", default=float("inf"), of=_days),
    ("evidence", "*", "dataset"): _dataset,
    ("evidence", "*", "kinds"): _members(**_MORE_PAPERS),
    ("evidence", "*", "origin"): _scale("computed", "any", default="any"),
    ("evidence", "*", "inherit"): _inherits,
    ("evidence", "*", "isolation"): _scale("full", "separate", "any", default="any"),
    ("evidence", "*", "parameters", "sensitive_features"): _measured(
        unsaid=_UNRANKED
    ),  # those of the data, which varies
    ("evidence", "*", "parameters", "min_share"): _amount(lax="up", default=0.05),
    ("evidence", "*", "parameters", "suppress_below"): _amount(lax="down", default=10.0),
    ("evidence", "*", "parameters", "intersections"): _measured(unsaid=_MORE_MEASURED["more"]),  # all pairs
    ("checks",): _neutral,  # their order says nothing
    ("checks", "*", "expr"): _passing,
    ("checks", "*", "fails_if"): _failing,
    ("checks", "*", "on_fail"): _scale("block", "waivable", "warn", default="block"),
    ("checks", "*", "on_insufficient"): _scale("hold", "human_review", "warn", default="hold"),
    **{("checks", "*", "shows", key): _neutral for key in ("value", "low", "high", "n", "limit", "better")},
    ("human_review", "roles"): _members(**_MORE_HANDS, default=("validator",)),
    ("stages",): _neutral,  # all must sign, whoever is first
    ("stages", "*", "roles"): _members(**_MORE_HANDS),
    ("stages", "*", "quorum"): _amount(lax="down", default=1.0),
    ("stages", "*", "requires"): _members(**_REQUIRED),
    ("stages", "*", "signature"): _scale("passkey", "password", default="password"),
    ("separation_of_duties", "add"): _members(**_MORE_KEPT),
    **dict.fromkeys(
        (("approval", "conditions"), ("approval", "renewal"), ("evidence", "*", "parameters")), _neutral
    ),  # empty, or left out
    **{("monitoring", *place): rule for place, rule in _WATCHED.items()},
    ("approval", "decide_within"): _amount(lax="up", default=30.0, of=_days),
    ("approval", "answer_within"): _amount(lax="up", default=30.0, of=_days),
    ("approval", "valid_for"): _amount(lax="up", default=0.0, of=_days),
    ("approval", "renewal", "before"): _amount(lax="up", default=30.0, of=_days),
    ("approval", "renewal", "opened_by"): _neutral,  # it opens a question, and answers none
    ("approval", "grace"): _amount(lax="up", default=0.0, of=_days),
    ("approval", "revalidate_every"): _amount(lax="up", default=float("inf"), of=_days),
    ("approval", "on_drift"): _scale("suspend", "alert", default="alert"),
    ("approval", "on_suspend"): _scale("rollback", "refuse_new_loads", "keep_serving", default="keep_serving"),
    ("approval", "conditions", "max_open_findings"): _amount(lax="up", default=float("inf")),
    ("approval", "conditions", "on_overdue"): _scale("suspend", "alert", default="alert"),
}
