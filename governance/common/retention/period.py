"""For how long something is kept, as a value that a page can print and a job can count with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

_DURATION = re.compile(r"P([1-9]\d*)([YD])")
_NAMED = re.compile(r"(setting|field|row) ([A-Za-z_.]+)")
FOR_GOOD = "for good"


@dataclass(frozen=True)
class Period:
    """One period, of which exactly one of these is set; none of them means for good.

    Attributes:
        years: by the calendar.
        days: of 24 hours.
        setting: name of a Django setting that holds seconds.
        field: ``app.Model.field``: the object itself says the day or the number of days.
        row: id of the row of the table whose objects it is kept as long as.
    """

    years: int = 0
    days: int = 0
    setting: str = ""
    field: str = ""
    row: str = ""

    @classmethod
    def read(cls, text: str) -> Period:
        """Read a period as the table writes it.

        Args:
            text: ``P10Y``, ``P30D``, ``setting NAME``, ``field app.Model.field``, ``row ID`` or ``for good``.
        Raises:
            ValueError: it is none of these.
        """
        if text == FOR_GOOD:
            return cls()
        if found := _DURATION.fullmatch(text):
            return cls(years=int(found[1])) if found[2] == "Y" else cls(days=int(found[1]))
        if found := _NAMED.fullmatch(text):
            kind, name = found.groups()
            return {"setting": cls(setting=name), "field": cls(field=name), "row": cls(row=name)}[kind]
        raise ValueError(
            f"{text!r} is no period: write P10Y, P30D, setting NAME, field app.Model.field, row ID or for good."
        )

    def __str__(self) -> str:
        named = {"setting": self.setting, "field": self.field, "row": self.row}
        if self.years or self.days:
            return f"P{self.years}Y" if self.years else f"P{self.days}D"
        return next((f"{name} {value}" for name, value in named.items() if value), FOR_GOOD)

    @property
    def delta(self) -> timedelta:
        """The period in days of 24 hours.

        Raises:
            ValueError: it is not counted in days.
        """
        if not self.days:
            raise ValueError("Only a period in days can be counted with by the clock alone.")
        return timedelta(days=self.days)

    def end(self, start: date) -> date | None:
        """Return the last day of the period that an event on ``start`` begins; None where it has no length.

        Years end on the day of the same date; on 28 February where 29 February is missing, as Article 3(2)(c) of
        Regulation (EEC, Euratom) 1182/71 counts.
        """
        if self.days:
            return start + timedelta(days=self.days)
        if not self.years:
            return None
        year = start.year + self.years
        try:
            return start.replace(year=year)
        except ValueError:
            return date(year, 2, 28)
