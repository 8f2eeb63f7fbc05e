"""The charts. Colours are those of Okabe and Ito, which colour-blind readers can distinguish; light and dark set.

Days are drawn in UTC in every browser, over the whole period. Texts of the tenant are data: they are shortened and
lose control characters.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from pipelines.common.text import printable

from .filters import Filters
from .zones import zone

COLOURS = {
    "light": ["#0072B2", "#D55E00", "#009E73", "#AA4499", "#B8860B", "#6B7280"],
    "dark": ["#56B4E9", "#E69F00", "#20B08A", "#CC79A7", "#F0E442", "#9CA3AF"],
}
HEAT = {"light": ["#EEF4FA", "#9CC7E4", "#3B8DC6", "#08305C"], "dark": ["#1A2330", "#24598A", "#56B4E9", "#D6EEFC"]}
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
ON_COLOUR = {"light": "#FFFFFF", "dark": "#0B1220"}
INK = {"light": "#374151", "dark": "#E5E7EB"}
LABEL_LETTERS = 34
DAYS, DAY = "day (UTC)", timedelta(days=1)
PIXELS, LEGEND_PIXELS, BAR_PIXELS = 270, 70, 22
# Labels of a weekly axis.
MOST_WEEKS = 8
OTHERS = "others"


def theme() -> str:
    """Return "dark" or "light", the theme of the page."""
    return "dark" if st.context.theme.type == "dark" else "light"


def colours() -> list[str]:
    """Return the colours of the current theme: blue, orange, green, purple, yellow, grey."""
    return COLOURS[theme()]


def daily_bars(
    frame: pd.DataFrame, value: str, filters: Filters, by: str | None = None, order: Sequence[str] = ()
) -> Any:
    """Draw bars by `event_day`, stacked by a column; values in `order` come first, from the bottom."""
    title = value.replace("_", " ")
    scale = alt.Scale(type="utc", domain=_period(filters, DAY))
    x = alt.X("event_day:T", timeUnit="utcyearmonthdate", title=DAYS, axis=_day_axis(), scale=scale)
    y = alt.Y(f"{value}:Q", title=None, axis=alt.Axis(tickCount=4, format="~s"))
    tips = [_day_tip(), alt.Tooltip(f"{value}:Q", title=title, format=",")]
    if by is None:
        return alt.Chart(frame).mark_bar(color=colours()[0]).encode(x=x, y=y, tooltip=tips).properties(height=PIXELS)
    frame, present = _stacked(frame, value, by, order)
    known = [*order, *(name for name in present if name not in order)]
    palette = dict(zip(known, colours() * 2, strict=False))
    scale = alt.Scale(domain=present, range=[palette[name] for name in present])
    color = alt.Color(f"{by}:N", sort=present, scale=scale, legend=_legend())
    tips.insert(1, alt.Tooltip(f"{by}:N", title=by))
    encoded = alt.Chart(frame).mark_bar().encode(x=x, y=y, color=color, order=alt.Order("position:Q"), tooltip=tips)
    return encoded.properties(height=PIXELS)


def _stacked(frame: pd.DataFrame, value: str, by: str, order: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows with a `position` in the stack, and the stacked values: at most one per colour."""
    totals = frame.groupby(by)[value].sum().sort_values(ascending=False)
    present = [*(name for name in order if name in totals), *(name for name in totals.index if name not in order)]
    if len(present) > len(colours()):
        present = [*present[: len(colours()) - 1], OTHERS]
        frame = frame.assign(**{by: frame[by].where(frame[by].isin(present), OTHERS)})
        frame = frame.groupby(["event_day", by], as_index=False)[value].sum()
    return frame.assign(position=frame[by].map({name: number for number, name in enumerate(present)})), present


def daily_line(frame: pd.DataFrame, value: str, filters: Filters) -> Any:
    """Draw a line over `event_day`; days of the log without a row count as zero."""
    begin = max(filters.first, filters.log_begins or filters.first)
    days = pd.date_range(begin, filters.last, freq="D", name="event_day")
    frame = frame.set_index("event_day").reindex(days, fill_value=0).reset_index()
    scale = alt.Scale(type="utc", domain=_period(filters, timedelta()))
    x = alt.X("event_day:T", scale=scale, title=DAYS, axis=_day_axis())
    y = alt.Y(f"{value}:Q", title=None, axis=alt.Axis(tickCount=4, format="~s"))
    tips = [_day_tip(), alt.Tooltip(f"{value}:Q", title=value, format=",")]
    line = alt.Chart(frame).mark_line(color=colours()[0], strokeWidth=2.5, point=alt.OverlayMarkDef(size=28))
    return line.encode(x=x, y=y, tooltip=tips).properties(height=PIXELS)


def weekly_lines(frame: pd.DataFrame, value: str, by: str, filters: Filters, name: str = "") -> Any:
    """Draw a line over the weeks for each of the keys `by` that are largest in one week; `name` has their names.

    Weeks are `iso_year` and `iso_week`; a week without a row counts as zero.
    """
    begin = max(filters.first, filters.log_begins or filters.first)
    first = begin - timedelta(days=begin.weekday())
    weeks = pd.date_range(first, filters.last, freq="7D", name="week")
    shown, order = _by_week(frame, value, by, name or by, weeks)
    scale = alt.Scale(type="utc", domain=[_utc(first), _utc(filters.last)])
    labelled = [_utc(week.date()) for week in weeks[:: -(-len(weeks) // MOST_WEEKS)]]
    x = alt.X("week:T", scale=scale, title="week from Monday (UTC)", axis=_day_axis(values=labelled))
    y = alt.Y(f"{value}:Q", title=None, axis=alt.Axis(tickCount=4, format="~s"))
    palette = alt.Scale(domain=order, range=colours()[: len(order)])
    color = alt.Color("label:N", sort=order, scale=palette, legend=_legend() if len(order) > 1 else None)
    tips = [_day_tip("week", "week from"), alt.Tooltip("label:N", title=" "), alt.Tooltip(f"{value}:Q", format=",")]
    line = alt.Chart(shown).mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=28))
    height = PIXELS if len(order) == 1 else PIXELS + LEGEND_PIXELS
    return line.encode(x=x, y=y, color=color, tooltip=tips).properties(height=height)


def _by_week(
    frame: pd.DataFrame, value: str, by: str, name: str, weeks: pd.DatetimeIndex
) -> tuple[pd.DataFrame, list[str]]:
    """Return week, label and the value for at most one key per colour, and the labels, largest first."""
    largest = frame.groupby(by)[value].max().sort_values(ascending=False, kind="stable").index[: len(colours())]
    numbers = zip(frame["iso_year"], frame["iso_week"], strict=True)
    monday = [pd.Timestamp.fromisocalendar(year, week, 1) for year, week in numbers]
    grid = frame.assign(week=monday).pivot_table(index="week", columns=by, values=value, aggfunc="sum")
    shown = grid.reindex(index=weeks, columns=largest).fillna(0).stack().rename(value).reset_index()
    order = labels(frame.groupby(by)[name].last()[largest])
    return shown.assign(label=shown[by].map(dict(zip(largest, order, strict=True)))), order


def top_bars(frame: pd.DataFrame, label: str, value: str, color: int = 0, within: str = "") -> Any:
    """Draw horizontal bars with numbers, in the order of the rows; `within` distinguishes equal names."""
    owners = frame[within] if within else ()
    whole = [printable(text) if isinstance(text, str) else "unknown" for text in frame[label]]
    shown = pd.DataFrame({"label": labels(frame[label], owners), "whole": whole, "value": frame[value]})
    y = alt.Y("label:N", sort=None, title=None, axis=_names_axis(labelLimit=190, labelPadding=6))
    # Room for the numbers at the end of the bars.
    top = float(shown["value"].max() or 1) * 1.18
    x = alt.X("value:Q", title=None, axis=None, scale=alt.Scale(domain=[0, top]))
    tips = [alt.Tooltip("whole:N", title=" "), alt.Tooltip("value:Q", title=value.replace("_", " "), format=",")]
    base = alt.Chart(shown).encode(y=y, x=x, tooltip=tips)
    bars = base.mark_bar(color=colours()[color], cornerRadiusEnd=2, height={"band": 0.72})
    ink = INK[theme()]
    numbers = base.mark_text(align="left", dx=4, color=ink).encode(text=alt.Text("value:Q", format=","))
    return alt.layer(bars, numbers).properties(height=max(60, BAR_PIXELS * len(shown) + 10))


def hours(frame: pd.DataFrame, value: str) -> Any:
    """Draw a grid of weekday and hour, from rows of `day`, `hour` and a value, both in the chosen time zone."""
    summed = frame.assign(weekday=frame["day"].dt.day_of_week).groupby(["weekday", "hour"], as_index=False)[value]
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
                title=f"hour ({zone()})",
                scale=alt.Scale(padding=0.06),
                axis=_names_axis(labelAngle=0, values=list(range(0, 24, 3))),
            ),
            y=alt.Y(
                "weekday:N",
                sort=WEEKDAYS,
                title=None,
                scale=alt.Scale(padding=0.06),
                axis=_names_axis(),
            ),
            color=alt.Color(
                f"{value}:Q",
                scale=alt.Scale(range=HEAT[theme()]),
                legend=alt.Legend(orient="top", title=value, gradientLength=160, tickCount=3, format="~s"),
            ),
            tooltip=["weekday", alt.Tooltip("time", title="from"), alt.Tooltip(f"{value}:Q", format=",")],
        )
    )
    return encoded.properties(height=320)


def calendar(frame: pd.DataFrame, statuses: Sequence[str], good: Sequence[str]) -> Any:
    """Draw weeks by weekday, from event_day, status, hours, events; days that are not `good` get a `!`."""
    weeks = frame["event_day"] - pd.to_timedelta(frame["event_day"].dt.day_of_week, unit="D")
    # Unlike a name without its year, this text is in order and differs from that of other years.
    shown = frame.assign(
        week=weeks.dt.strftime("%Y-%m-%d"),
        weekday=frame["event_day"].dt.day_of_week.map(dict(enumerate(WEEKDAYS))),
        number=frame["event_day"].dt.day.astype(str) + frame["status"].isin(good).map({True: "", False: " !"}),
    )
    blue, orange, third, purple, _, grey = colours()
    scale = alt.Scale(domain=list(statuses), range=[blue, orange, grey, purple, third])
    base = alt.Chart(shown).encode(
        x=alt.X("week:O", sort="ascending", title="week of (UTC)", axis=_week_axis()),
        y=alt.Y("weekday:N", sort=WEEKDAYS, title=None, axis=_names_axis()),
        tooltip=[
            _day_tip(),
            alt.Tooltip("status:N"),
            alt.Tooltip("hours:Q", title="hours covered", format=".1f"),
            alt.Tooltip("events:Q", format=","),
        ],
    )
    cells = base.mark_rect(cornerRadius=3).encode(color=alt.Color("status:N", scale=scale, legend=_legend()))
    ink = ON_COLOUR[theme()]
    return alt.layer(cells, base.mark_text(color=ink).encode(text="number:N")).properties(height=300)


def page_bars(frame: pd.DataFrame) -> Any:
    """Draw visited pages as bars; pages with equal names show their app, or the model of a dashboard."""
    owner = frame["app_name"].fillna(frame["model_name"])
    return top_bars(frame.assign(owner=owner), "object_name", "visits", within="owner")


def readable(chart: Any) -> Any:
    """Return the chart with darker text: the contrast of Streamlit's is lower than WCAG requires."""
    ink = INK[theme()]
    axis = alt.AxisConfig(labelColor=ink, titleColor=ink)
    return chart.configure(axis=axis, legend=alt.LegendConfig(labelColor=ink, titleColor=ink))


def labels(values: Iterable[object], within: Iterable[object] = ()) -> list[str]:
    """Return short, printable, unique labels: bars with the same label would be merged."""
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


def _day_axis(**more: Any) -> alt.Axis:
    return alt.Axis(format="%-d %b", labelAngle=0, labelOverlap="greedy", grid=False, **(more or {"tickCount": 6}))


def _week_axis() -> alt.Axis:
    label = "utcFormat(toDate(datum.value), '%-d %b')"
    return alt.Axis(labelAngle=0, labelOverlap="greedy", ticks=False, labelExpr=label)


def _period(filters: Filters, after: timedelta) -> list[alt.DateTime]:
    """Return the first and the last moment of the axis."""
    return [_utc(day) for day in (filters.first, filters.last + after)]


def _utc(day: date) -> alt.DateTime:
    return alt.DateTime(year=day.year, month=day.month, date=day.day, utc=True)


def _names_axis(**more: Any) -> alt.Axis:
    """Return an axis that puts each name next to the middle of its row."""
    return alt.Axis(ticks=False, domain=False, labelOverlap=False, labelFlush=False, **more)


def _legend() -> alt.Legend:
    return alt.Legend(orient="top", title=None, columns=3, labelLimit=110, symbolType="square", padding=0, offset=10)


def _day_tip(column: str = "event_day", title: str = "day") -> alt.Tooltip:
    return alt.Tooltip(f"{column}:T", timeUnit="utcyearmonthdate", title=title, format="%a %-d %b %Y")
