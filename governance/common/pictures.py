"""The larger pictures: SHAP beeswarm, what was in production when, an inclusion proof, verdicts then and now.

Rules as in charts.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

from governance.common.charts import Number, coord, digits_for, figure, plain, round_span, words


def beeswarm(features: Sequence[Mapping[str, Any]], *, uid: str, title: str, unit: str = "probability") -> str:
    """Draw one row of points per feature: the SHAP value sideways, the height of the feature's own value as colour.

    Args:
        features: mappings with ``feature`` and ``points``: pairs (SHAP value, feature value scaled to 0..1, or None for
            a category or an empty cell). Largest mean effect first; the caller chooses how many.
        unit: what the SHAP values add up to.

    Returns: SVG of 760 units in width; the layout depends on the input alone.
    """
    left, right, top, row = 178, 744, 10, 42
    lo, hi = round_span([point[0] for item in features for point in item["points"]] + [0.0])
    reach = max(abs(lo), abs(hi))
    lo, hi = -reach, reach
    bottom = top + row * len(features)

    def x(value: Number) -> float:
        return left + (right - left) * (value - lo) / (hi - lo)

    digits = digits_for(hi - lo)
    digits = next((more for more in range(digits, 7) if abs(round(hi / 2, more) - hi / 2) < 1e-9), digits)
    body = []
    for tick in (lo, lo / 2, 0.0, hi / 2, hi):
        css = "x-c-zero" if tick == 0 else "x-c-grid"
        label = plain(tick, digits, signed=True)
        body.append(
            f'<line class="{css}" x1="{coord(x(tick))}" x2="{coord(x(tick))}" y1="{top - 4}" y2="{bottom}"/>'
            f'<text x="{coord(x(tick))}" y="{bottom + 14}" text-anchor="middle">{label}</text>'
        )
    for i, item in enumerate(features):
        middle = top + row * i + row / 2
        name = str(item["feature"])
        name = name if len(name) <= 25 else name[:24] + "…"
        body.append(words(left - 12, middle + 4, name, css="x-c-label", anchor="end"))
        body += _swarm([(x(value), scaled) for value, scaled in item["points"]], middle, row / 2 - 4)
    body.append(words(x(0), bottom + 30, f"← lowers · SHAP value, {unit} · raises →", anchor="middle"))
    first = str(features[0]["feature"]) if features else "no feature"
    rows = max((len(item["points"]) for item in features), default=0)
    desc = f"{len(features)} features, up to {rows} points each; {first} has the largest mean effect. Table below."
    return figure("".join(body), uid=uid, title=title, desc=desc, width=760, height=bottom + 38)


def alias_lanes(
    lanes: Sequence[Mapping[str, Any]],
    *,
    uid: str,
    title: str,
    until: datetime,
    since: datetime | None = None,
    events: Iterable[Mapping[str, Any]] = (),
) -> str:
    """Draw which version each alias named, when, and where its approval was suspended.

    Args:
        lanes: mappings with ``alias``, optional ``note`` and ``spans``: mappings with ``start``, ``end`` (aware; None
            is still so), ``label`` (version), optional ``note`` (request) and ``suspended`` (pairs start, end|None).
        until: the right edge, usually now.
        since: the left edge; None starts at the first span.
        events: mappings with ``at``, ``label`` (one letter) and ``kind``: ``refused`` or ``detected``.
    """
    marks = sorted(events, key=lambda event: event["at"])
    starts = [span["start"] for lane in lanes for span in lane["spans"]] + [event["at"] for event in marks]
    begin = since or min(starts, default=until - timedelta(days=1))
    if begin >= until:
        begin = until - timedelta(minutes=1)
    left, right, top, row = 112, 884, 30, 52
    total = (until - begin).total_seconds()

    def x(moment: datetime | None) -> float:
        share = ((moment or until) - begin).total_seconds() / total
        return left + (right - left) * min(1.0, max(0.0, share))

    height = top + row * len(lanes) + (34 if marks else 0) + 26
    body = [
        f'<defs><pattern id="{uid}-h" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect class="x-c-hatch" width="6" height="6"/><line class="x-c-hatch-line" x1="0" y1="0" x2="0" y2="6"/>'
        "</pattern></defs>"
    ]
    for moment, label, strong in _time_ticks(begin, until):
        css = ' class="x-c-label"' if strong else ""
        body.append(
            f'<line class="x-c-grid" x1="{coord(x(moment))}" x2="{coord(x(moment))}" y1="20" y2="{height - 22}"/>'
            f'<text{css} x="{coord(x(moment) + 3)}" y="14">{escape(label)}</text>'
        )
    said = []
    versions: dict[str, int] = {}
    for i, lane in enumerate(lanes):
        y = top + row * i
        body.append(f'<text class="x-c-label" x="0" y="{y + 20}">{escape(str(lane["alias"]))}</text>')
        if lane.get("note"):
            body.append(f'<text x="0" y="{y + 34}">{escape(str(lane["note"]))}</text>')
        for span in lane["spans"]:
            tone = versions.setdefault(str(span["label"]), len(versions) % 4)
            body.append(_span_box(span, x(span["start"]), x(span.get("end")), y, tone))
            body += [
                f'<rect fill="url(#{uid}-h)" x="{coord(x(start))}" y="{y}" '
                f'width="{coord(max(3.0, x(end) - x(start)))}" height="38"/>'
                for start, end in span.get("suspended") or ()
            ]
            phrase = f"{lane['alias']}: {span['label']} from {_when(span['start'])} to {_when(span.get('end'))}"
            said.append(phrase + (", approval suspended part of the time" if span.get("suspended") else ""))
    if marks:
        y = top + row * len(lanes) + 12
        body.append(f'<text class="x-c-label" x="0" y="{y + 4}">Bypass attempts</text>')
        for mark in marks:
            at, css = x(mark["at"]), "x-c-detected" if mark["kind"] == "detected" else "x-c-refused"
            body.append(
                f'<path class="{css}" d="M{coord(at)} {y - 9}l9 9l-9 9l-9 -9z"/>'
                + words(at, y + 4, str(mark["label"]), css=f"{css}-text", anchor="middle")
            )
            said.append(f"attempt {mark['label']} {mark['kind']} at {_when(mark['at'])}")
    body.append(
        f'<line class="x-c-now" x1="{right}" x2="{right}" y1="24" y2="{height - 20}"/>'
        f'<text class="x-c-label" x="{right}" y="{height - 6}" text-anchor="end">{escape(_when(until))}</text>'
    )
    desc = ("; ".join(said) or "No alias has been set") + "."
    return figure("".join(body), uid=uid, title=title, desc=desc, width=900, height=height)


def inclusion_steps(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes]) -> list[dict[str, Any]]:
    """Say, for each hash of an inclusion proof, which entries it stands for and what the recomputed node is.

    Only for drawing: whether the proof holds is ``placet.verify.verify_inclusion``'s verdict.

    Args:
        index, size: the leaf's place, 0 <= index < size.
        proof: sibling hashes from the leaf up (RFC 9162, 2.1.3.1).

    Returns: from the leaf up: ``{"side": "left"|"right", "first", "last", "hash": hex, "node": hex}``, where first and
    last are the entries under the sibling and node is the parent's hash.

    Raises:
        ValueError: ``index`` is outside the tree, or the proof has another length than this place needs.
    """
    if not 0 <= index < size:
        raise ValueError(f"entry {index} is not in a tree of {size} entries.")
    places: list[tuple[str, int, int]] = []
    first, last = 0, size
    while last - first > 1:
        half = 1 << ((last - first - 1).bit_length() - 1)
        if index < first + half:
            places.append(("right", first + half, last - 1))
            last = first + half
        else:
            places.append(("left", first, first + half - 1))
            first += half
    places.reverse()
    if len(places) != len(proof):
        raise ValueError(f"a proof for entry {index} of {size} has {len(places)} hashes, this one has {len(proof)}.")
    node, steps = leaf_hash, []
    for (side, low, high), sibling in zip(places, proof, strict=True):
        pair = sibling + node if side == "left" else node + sibling
        node = hashlib.sha256(b"\x01" + pair).digest()
        steps.append({"side": side, "first": low, "last": high, "hash": sibling.hex(), "node": node.hex()})
    return steps


def inclusion_path(index: int, size: int, leaf_hash: str, steps: Sequence[Mapping[str, Any]], *, uid: str) -> str:
    """Draw the way from one entry up to the root of the tree, with the sibling hashes that the proof brings.

    Args:
        leaf_hash: hex.
        steps: as ``inclusion_steps`` returns them, from the leaf up.
    """
    drop, shift, width = 38, 19, 760
    height = 70 + drop * len(steps)
    # The root stands so far right or left that the path stays in the middle of the picture.
    lean = sum(1 if step["side"] == "left" else -1 for step in steps)
    x, y = width / 2 - lean * shift / 2, 24.0
    spots = [(x, y)]
    for step in reversed(steps):
        x += shift if step["side"] == "left" else -shift
        y += drop
        spots.append((x, y))
    body, labels = [], []
    for depth, step in enumerate(reversed(steps)):
        (px, py), (cx, cy) = spots[depth], spots[depth + 1]
        side = -1 if step["side"] == "left" else 1
        sx = px + side * shift
        body.append(f'<line class="x-c-edge" x1="{coord(px)}" y1="{coord(py)}" x2="{coord(sx)}" y2="{coord(cy)}"/>')
        body.append(f'<line class="x-c-path" x1="{coord(px)}" y1="{coord(py)}" x2="{coord(cx)}" y2="{coord(cy)}"/>')
        one = step["first"] == step["last"]
        body.append(
            f'<rect class="x-c-subtree" x="{coord(sx - 5)}" y="{coord(cy - 5)}" width="10" height="10"/>'
            if one
            else f'<path class="x-c-subtree" d="M{coord(sx)} {coord(cy - 7)}l9 13h-18z"/>'
        )
        anchor = "end" if side < 0 else "start"
        whose = f"entry {step['first']:,}" if one else f"entries {step['first']:,} to {step['last']:,}"
        labels.append(
            f'<text x="{coord(sx + side * 14)}" y="{coord(cy + 4)}" text-anchor="{anchor}">{whose} '
            f'<tspan class="x-c-mono">{_short(step["hash"])}</tspan></text>'
        )
    for depth, (px, py) in enumerate(spots[1:-1], start=1):
        node = steps[len(steps) - depth - 1]["node"]
        below = steps[len(steps) - depth]["side"]
        side, anchor = (1, "start") if below == "left" else (-1, "end")
        body.append(f'<circle class="x-c-ring" cx="{coord(px)}" cy="{coord(py)}" r="4.5"/>')
        labels.append(words(px + side * 12, py + 4, _short(node), css="x-c-mono", anchor=anchor))
    root_x, root_y = spots[0]
    leaf_x, leaf_y = spots[-1]
    root = steps[-1]["node"] if steps else leaf_hash
    body.append(f'<circle class="x-c-root" cx="{coord(root_x)}" cy="{coord(root_y)}" r="7"/>')
    labels.append(
        f'<text class="x-c-label" x="{coord(root_x + 14)}" y="{coord(root_y)}">Root of {size:,} entries</text>'
        f'<text class="x-c-mono" x="{coord(root_x + 14)}" y="{coord(root_y + 13)}">{_short(root)}</text>'
    )
    if steps:
        body.append(f'<circle class="x-c-leaf" cx="{coord(leaf_x)}" cy="{coord(leaf_y)}" r="6"/>')
        labels.append(
            words(leaf_x, leaf_y + 20, f"This entry, {index:,}", css="x-c-label", anchor="middle")
            + words(leaf_x, leaf_y + 33, f"leaf {_short(leaf_hash)}", css="x-c-mono", anchor="middle")
        )
    return figure(
        "".join(body + labels),
        uid=uid,
        title=f"Inclusion proof of entry {index:,} in a tree of {size:,} entries",
        desc=f"{len(steps)} sibling hashes lead from the leaf of entry {index:,} to root {_short(root)}. Table below.",
        width=width,
        height=height,
    )


def _swarm(points: Sequence[tuple[float, Number | None]], middle: float, reach: float) -> list[str]:
    """Place points around a row's middle line so that they overlap little; one path per colour class."""
    taken: dict[tuple[int, int], int] = {}
    paths: dict[str, list[str]] = {}
    levels = max(1, int(reach / 2.5))
    for x, scaled in points:
        column = round(x / 4.6)
        used = taken[column, 0] = taken.get((column, 0), 0) + 1
        level = used // 2 if used % 2 == 0 else -(used // 2)
        # A column that is full starts again from the middle: density then shows as ink.
        level = ((abs(level) % (levels + 1)) * (1 if level >= 0 else -1)) if abs(level) > levels else level
        css = "x-d-none" if scaled is None else f"x-d{min(7, max(0, int(scaled * 8)))}"
        paths.setdefault(css, []).append(f"M{coord(x)} {coord(middle + level * 2.5)}h0")
    return [f'<path class="x-d {css}" d="{"".join(parts)}"/>' for css, parts in sorted(paths.items())]


def _span_box(span: Mapping[str, Any], x0: float, x1: float, y: int, tone: int) -> str:
    """One stay of a version under an alias, labelled where the words fit."""
    width = max(3.0, x1 - x0)
    label, note = str(span["label"]), str(span.get("note") or "")
    text = f'<rect class="x-c-lane{tone}" x="{coord(x0)}" y="{y}" width="{coord(width)}" height="38" rx="4"/>'
    text += f'<rect class="x-c-lane-edge{tone}" x="{coord(x0)}" y="{y}" width="3" height="38" rx="1.5"/>'
    if width > 9 + 7 * len(label):
        text += f'<text class="x-c-label" x="{coord(x0 + 8)}" y="{y + 16}">{escape(label)}</text>'
    if note and width > 12 + 6.4 * len(note):
        text += f'<text x="{coord(x0 + 8)}" y="{y + 30}">{escape(note)}</text>'
    return text


def _time_ticks(begin: datetime, until: datetime) -> list[tuple[datetime, str, bool]]:
    """Return at most about 14 ticks (moment, label, strong) on round minutes, hours, days or months, in UTC."""
    begin, until = begin.astimezone(UTC), until.astimezone(UTC)
    span = until - begin
    if span > timedelta(days=70):
        step = 1 + int(span.days / 30 / 13)
        ticks: list[tuple[datetime, str, bool]] = []
        year, month = begin.year, begin.month
        while (moment := datetime(year, month, 1, tzinfo=UTC)) <= until:
            if moment >= begin:
                strong = month <= step or not ticks
                ticks.append((moment, f"{moment:%b %Y}" if strong else f"{moment:%b}", strong))
            year, month = (year, month + step) if month + step <= 12 else (year + 1, month + step - 12)
        return ticks
    steps = [timedelta(minutes=m) for m in (1, 2, 5, 10, 30, 60, 180, 360, 720, 1440, 2880, 7 * 1440)]
    every = next((s for s in steps if span / s <= 12), steps[-1])
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight + every * (int((begin - midnight) / every) + 1)
    ticks = []
    while moment <= until:
        days = every >= timedelta(days=1)
        strong = not ticks or (moment.hour == 0 and moment.minute == 0 and not days)
        clock = f"{moment.day} {moment:%b}" if days or strong else f"{moment:%H:%M}"
        ticks.append((moment, f"{clock}, {moment:%H:%M}" if strong and not days and moment.hour else clock, strong))
        moment += every
    return ticks


def _when(moment: datetime | None) -> str:
    if moment is None:
        return "now"
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def _short(hexadecimal: str) -> str:
    """The first six and last four digits of a hash."""
    text = hexadecimal.removeprefix("sha256:")
    return f"{text[:6]}…{text[-4:]}" if len(text) > 12 else text


def verdict_moves(pairs: Mapping[str, int], *, uid: str, title: str) -> str:
    """Draw how verdicts move: a row for each verdict then, a column for each now, their number in each cell.

    Args:
        pairs: ``ALLOW HOLD`` (then, now) to how many; a pair that is left out is 0.

    Returns: SVG of 380 by 170 units. Right of the diagonal is stricter, left of it looser.
    """
    verdicts = ("ALLOW", "HOLD", "BLOCK")
    left, top, width, height = 92, 34, 92, 42
    body = [words(left + 1.5 * width, 12, "now", anchor="middle"), words(4, top + 1.5 * height + 4, "then")]
    said = []
    for row, then in enumerate(verdicts):
        body.append(words(left - 10, top + height * (row + 0.5) + 4, then, css="x-c-label", anchor="end"))
        body.append(words(left + width * (row + 0.5), 28, then, css="x-c-label", anchor="middle"))
        for column, now in enumerate(verdicts):
            count = pairs.get(f"{then} {now}", 0)
            css = "x-c-lane3" if not count or row == column else "x-c-hatch" if column > row else "x-c-miss"
            x, y = left + width * column, top + height * row
            size = f'width="{width - 2}" height="{height - 2}"'
            body.append(f'<rect class="{css}" x="{coord(x + 1)}" y="{coord(y + 1)}" {size} rx="4"/>')
            label = "x-c-label" if count else ""
            body.append(words(x + width / 2, y + height / 2 + 4, f"{count:,}", css=label, anchor="middle"))
            if count:
                said.append(f"{count:,} {f'stay {then}' if then == now else f'go from {then} to {now}'}")
    desc = f"{', '.join(said)}." if said else "No request."
    return figure("".join(body), uid=uid, title=title, desc=desc, width=380, height=top + 3 * height + 8)
