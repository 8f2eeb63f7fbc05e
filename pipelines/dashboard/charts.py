"""The charts. Colours are those of Okabe and Ito, which the colour-blind can tell apart, in a light and a dark set.

Days are drawn in UTC wherever the browser is; texts of the tenant are data, cut and freed of control characters.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from ..report import printable

LIGHT = {"blue": "#0072B2", "orange": "#D55E00", "green": "#009E73", "purple": "#AA4499", "yellow": "#B8860B"}
DARK = {"blue": "#56B4E9", "orange": "#E69F00", "green": "#20B08A", "purple": "#CC79A7", "yellow": "#F0E442"}
GREYS = {"light": "#6B7280", "dark": "#9CA3AF"}
HEAT = {"light": ["#EEF4FA", "#9CC7E4", "#3B8DC6", "#08305C"], "dark": ["#1A2330", "#24598A", "#56B4E9", "#D6EEFC"]}
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
LABEL_LETTERS = 34
BAR_PIXELS = 22
OTHERS = "others"


def is_dark() -> bool:
    return bool(st.context.theme.type == "dark")


def colours(count: int = 6) -> list[str]:
    """The first colours of the present theme."""
    chosen = DARK if is_dark() else LIGHT
    return [*chosen.values(), GREYS["dark" if is_dark() else "light"]][:count]


def daily_bars(frame: pd.DataFrame, value: str, by: str | None = None, order: Sequence[str] = ()) -> Any:
    """Bars of `event_day`, stacked by a column whose values are `order`, first at the bottom."""
    title = value.replace("_", " ")
    x = alt.X(
        "event_day:T",
        timeUnit="utcyearmonthdate",
        title=None,
        axis=alt.Axis(format="%-d %b", labelAngle=0, labelOverlap="greedy", grid=False, tickCount=6),
    )
    y = alt.Y(f"{value}:Q", title=None, axis=alt.Axis(tickCount=4, format="~s"))
    tips = [_day_tip(), alt.Tooltip(f"{value}:Q", title=title, format=",")]
    if by is None:
        return alt.Chart(frame).mark_bar(color=colours()[0]).encode(x=x, y=y, tooltip=tips).properties(height=250)
    frame, present = _stacked(frame, value, by, order)
    known = [*order, *(name for name in present if name not in order)]
    palette = dict(zip(known, colours() * 2, strict=False))
    color = alt.Color(
        f"{by}:N",
        sort=present,
        scale=alt.Scale(domain=present, range=[palette[name] for name in present]),
        legend=alt.Legend(orient="top", title=None, columns=3, labelLimit=110, symbolType="square"),
    )
    tips.insert(1, alt.Tooltip(f"{by}:N", title=by))
    encoded = alt.Chart(frame).mark_bar().encode(x=x, y=y, color=color, order=alt.Order("position:Q"), tooltip=tips)
    return encoded.properties(height=250)


def _stacked(frame: pd.DataFrame, value: str, by: str, order: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """The rows with a `position` in the stack, and what is stacked: no more than there are colours."""
    totals = frame.groupby(by)[value].sum().sort_values(ascending=False)
    present = [*(name for name in order if name in totals), *(name for name in totals.index if name not in order)]
    if len(present) > len(colours()):
        present = [*present[: len(colours()) - 1], OTHERS]
        frame = frame.assign(**{by: frame[by].where(frame[by].isin(present), OTHERS)})
        frame = frame.groupby(["event_day", by], as_index=False)[value].sum()
    return frame.assign(position=frame[by].map({name: number for number, name in enumerate(present)})), present


def daily_line(frame: pd.DataFrame, value: str) -> Any:
    """A line over `event_day`; days without a row count as zero."""
    if not frame.empty:
        days = pd.date_range(frame["event_day"].min(), frame["event_day"].max(), freq="D", name="event_day")
        frame = frame.set_index("event_day").reindex(days, fill_value=0).reset_index()
    x = alt.X(
        "event_day:T",
        scale=alt.Scale(type="utc"),
        title=None,
        axis=alt.Axis(format="%-d %b", labelAngle=0, labelOverlap="greedy", grid=False, tickCount=6),
    )
    y = alt.Y(f"{value}:Q", title=None, axis=alt.Axis(tickCount=4, format="~s"))
    tips = [_day_tip(), alt.Tooltip(f"{value}:Q", title=value, format=",")]
    line = alt.Chart(frame).mark_line(color=colours()[0], strokeWidth=2.5, point=alt.OverlayMarkDef(size=28))
    return line.encode(x=x, y=y, tooltip=tips).properties(height=250)


def top_bars(frame: pd.DataFrame, label: str, value: str, color: int = 0, within: str = "") -> Any:
    """Horizontal bars in the order of the rows, each with its number; `within` tells things of one name apart."""
    shown = pd.DataFrame({"label": labels(frame[label], frame[within] if within else ()), "value": frame[value]})
    y = alt.Y(
        "label:N", sort=None, title=None, axis=alt.Axis(labelLimit=190, ticks=False, domain=False, labelPadding=6)
    )
    # Room for the numbers at the end of the bars.
    top = float(shown["value"].max() or 1) * 1.18
    x = alt.X("value:Q", title=None, axis=None, scale=alt.Scale(domain=[0, top]))
    tips = [alt.Tooltip("label:N", title=" "), alt.Tooltip("value:Q", title=value.replace("_", " "), format=",")]
    base = alt.Chart(shown).encode(y=y, x=x, tooltip=tips)
    bars = base.mark_bar(color=colours()[color], cornerRadiusEnd=2, height={"band": 0.72})
    ink = "#E5E7EB" if is_dark() else "#374151"
    numbers = base.mark_text(align="left", dx=4, color=ink).encode(text=alt.Text("value:Q", format=","))
    return alt.layer(bars, numbers).properties(height=max(60, BAR_PIXELS * len(shown) + 10))


def hours(frame: pd.DataFrame, value: str) -> Any:
    """Weekday by hour, from rows of `event_day`, `hour` and a value."""
    summed = frame.assign(weekday=frame["event_day"].dt.day_of_week).groupby(["weekday", "hour"], as_index=False)[value]
    grid = pd.MultiIndex.from_product([range(7), range(24)], names=["weekday", "hour"])
    full = summed.sum().set_index(["weekday", "hour"]).reindex(grid, fill_value=0).reset_index()
    full["weekday"] = full["weekday"].map(dict(enumerate(WEEKDAYS)))
    full["time"] = full["hour"].map("{:02d}:00".format)
    encoded = (
        alt.Chart(full)
        .mark_rect(cornerRadius=2, strokeWidth=0)
        .encode(
            x=alt.X(
                "hour:O",
                title="hour (UTC)",
                scale=alt.Scale(padding=0.06),
                axis=alt.Axis(labelAngle=0, values=list(range(0, 24, 3)), ticks=False, domain=False),
            ),
            y=alt.Y(
                "weekday:N",
                sort=WEEKDAYS,
                title=None,
                scale=alt.Scale(padding=0.06),
                axis=alt.Axis(ticks=False, domain=False, labelOverlap=False),
            ),
            color=alt.Color(
                f"{value}:Q",
                scale=alt.Scale(range=HEAT["dark" if is_dark() else "light"]),
                legend=alt.Legend(orient="top", title=value, gradientLength=160, tickCount=3, format="~s"),
            ),
            tooltip=["weekday", alt.Tooltip("time", title="from"), alt.Tooltip(f"{value}:Q", format=",")],
        )
    )
    return encoded.properties(height=320)


def calendar(frame: pd.DataFrame, statuses: Sequence[str]) -> Any:
    """Weeks by weekday, from rows of `event_day`, `status`, `hours`, `events`; the day's number is in its cell."""
    weeks = frame["event_day"] - pd.to_timedelta(frame["event_day"].dt.day_of_week, unit="D")
    shown = frame.assign(
        week=weeks.dt.strftime("%-d %b"),
        weekday=frame["event_day"].dt.day_of_week.map(dict(enumerate(WEEKDAYS))),
        number=[f"{day.day}" if status == statuses[0] else f"{day.day} !" for day, status in _pairs(frame)],
    )
    blue, orange, third, purple, _, grey = colours()
    scale = alt.Scale(domain=list(statuses), range=[blue, orange, grey, purple, third])
    base = alt.Chart(shown).encode(
        x=alt.X("week:N", sort=None, title="week of", axis=alt.Axis(labelAngle=0, labelOverlap="greedy", ticks=False)),
        y=alt.Y("weekday:N", sort=WEEKDAYS, title=None, axis=alt.Axis(ticks=False, domain=False, labelOverlap=False)),
        tooltip=[
            _day_tip(),
            alt.Tooltip("status:N"),
            alt.Tooltip("hours:Q", title="hours covered", format=".1f"),
            alt.Tooltip("events:Q", format=","),
        ],
    )
    legend = alt.Legend(orient="top", title=None, symbolType="square", columns=2)
    cells = base.mark_rect(cornerRadius=3).encode(color=alt.Color("status:N", scale=scale, legend=legend))
    ink = "#0B1220" if is_dark() else "#FFFFFF"
    return alt.layer(cells, base.mark_text(color=ink).encode(text="number:N")).properties(height=300)


def page_bars(frame: pd.DataFrame) -> Any:
    """The bars of visited pages: those of one name are told apart by their app, or the model of a dashboard."""
    owner = frame["app_name"].fillna(frame["model_name"])
    return top_bars(frame.assign(owner=owner), "object_name", "visits", within="owner")


def labels(values: Iterable[object], within: Iterable[object] = ()) -> list[str]:
    """Short harmless labels, no two alike, or the bars of two things of the same name would become one."""
    texts = [printable(value) if isinstance(value, str) else "unknown" for value in values]
    owners = [printable(value) if isinstance(value, str) else "" for value in within] or [""] * len(texts)
    common = {text for text, count in Counter(texts).items() if count > 1}
    seen: Counter[str] = Counter()
    found = []
    for text, owner in zip(texts, owners, strict=True):
        label = _cut(f"{text} · {owner}" if text in common and owner else text)
        seen[label] += 1
        found.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return found


def _cut(text: str) -> str:
    return text if len(text) <= LABEL_LETTERS else f"{text[: LABEL_LETTERS - 1]}…"


def _day_tip() -> alt.Tooltip:
    return alt.Tooltip("event_day:T", timeUnit="utcyearmonthdate", title="day", format="%a %-d %b %Y")


def _pairs(frame: pd.DataFrame) -> list[tuple[pd.Timestamp, str]]:
    return list(zip(frame["event_day"], frame["status"], strict=True))
