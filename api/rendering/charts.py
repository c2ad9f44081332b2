"""Charts as SVG: bars and curves with a title and a description; what is not known is a gap, and not zero."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor, log10

from markupsafe import Markup

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 10, 26
SPAN, RISE = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """The values of one name, as many as the chart has labels; None where nothing is known."""

    name: str
    values: Sequence[float | None]


def render_bars(
    key: str, title: str, labels: Sequence[str], series: Sequence[ChartSeries], unit: str
) -> Markup:
    """Return a chart in which every label has a bar of each series; the styles are `first` and `second`."""
    top = find_top(series)
    drawn = Markup("").join(_draw_bars(labels, series, top, unit))
    return _frame(key, title, labels, series, top, unit, drawn)


def render_curve(
    key: str, title: str, labels: Sequence[str], series: ChartSeries, unit: str
) -> Markup:
    """Return a chart with one curve, which is broken where nothing is known."""
    top = find_top([series])
    drawn = Markup("").join(_draw_curve(labels, series, top, unit))
    return _frame(key, title, labels, [series], top, unit, drawn)


def find_top(series: Sequence[ChartSeries]) -> float:
    """Return a round number that no value is above."""
    most = max((value for each in series for value in each.values if value is not None), default=0)
    if most <= 0:
        return 1.0
    scale = 10.0 ** floor(log10(most))
    return next(step * scale for step in STEPS if step * scale >= most)


def format_value(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _place(index: int, count: int) -> float:
    """Return where the room of a label begins."""
    return LEFT + SPAN * index / max(count, 1)


def _raise(value: float, top: float) -> float:
    return TOP + RISE * (1 - max(value, 0) / top)


def _draw_bars(
    labels: Sequence[str], series: Sequence[ChartSeries], top: float, unit: str
) -> Iterator[Markup]:
    room = SPAN / max(len(labels), 1)
    width = max(room * 0.8 / max(len(series), 1), 0.5)
    for style, each in zip(("first", "second"), series, strict=False):
        shift = room * 0.1 + (0 if style == "first" else width)
        for index, (label, value) in enumerate(zip(labels, each.values, strict=True)):
            if value is not None:
                y = _raise(value, top)
                yield Markup(
                    '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
                    "<title>{}: {} {} {}</title></rect>"
                ).format(
                    *(style, _place(index, len(labels)) + shift, y, width, TOP + RISE - y),
                    *(label, each.name, format_value(value), unit),
                )


def _draw_curve(
    labels: Sequence[str], series: ChartSeries, top: float, unit: str
) -> Iterator[Markup]:
    runs: list[list[str]] = [[]]
    for index, (label, value) in enumerate(zip(labels, series.values, strict=True)):
        if value is None:
            runs.append([])
            continue
        x = _place(index, len(labels)) + SPAN / max(len(labels), 1) / 2
        y = _raise(value, top)
        runs[-1].append(f"{x:.1f} {y:.1f}")
        yield Markup(
            '<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="2.5"><title>{}: {} {}</title></circle>'
        ).format(x, y, label, format_value(value), unit)
    for run in runs:
        if len(run) > 1:
            yield Markup('<path class="curve" d="M{}"/>').format(" L".join(run))


def _frame(
    key: str,
    title: str,
    labels: Sequence[str],
    series: Sequence[ChartSeries],
    top: float,
    unit: str,
    drawn: Markup,
) -> Markup:
    """Return what is drawn with its axes, its title and its description."""
    lines = Markup("").join(_draw_line(at, top) for at in (0.0, top / 2, top))
    return Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title {}-desc"><title id="{}-title">{}</title>'
        '<desc id="{}-desc">{}</desc>{}{}{}</svg>'
    ).format(
        *(WIDTH, HEIGHT, key, key, key, title, key, describe_chart(labels, series, unit)),
        *(lines, _draw_labels(labels), drawn),
    )


def _draw_line(value: float, top: float) -> Markup:
    y = _raise(value, top)
    return Markup(
        '<line class="axis" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
        '<text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    ).format(LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 4, format_value(value))


def _draw_labels(labels: Sequence[str]) -> Markup:
    """Write the first label, one in the middle, and the last one, which ends with the chart."""
    shown = sorted({0, len(labels) // 2, len(labels) - 1}) if labels else []
    parts = []
    for index in shown:
        last = index > 0 and index == shown[-1]
        x = WIDTH - RIGHT if last else _place(index, len(labels))
        text = Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>')
        parts.append(text.format(x, HEIGHT - 8, "end" if last else "start", labels[index]))
    return Markup("").join(parts)


def describe_chart(labels: Sequence[str], series: Sequence[ChartSeries], unit: str) -> str:
    """Say in a sentence what a chart shows; the table beside it has every figure."""
    if not labels:
        return "There is nothing to show."
    parts = [f"From {labels[0]} to {labels[-1]}."]
    for each in series:
        known = [value for value in each.values if value is not None]
        if not known:
            parts.append(f"{each.name}: no data.")
            continue
        missing = len(each.values) - len(known)
        gaps = f", no data for {missing} of {len(labels)}" if missing else ""
        least, most = format_value(min(known)), format_value(max(known))
        parts.append(f"{each.name}: {least} to {most} {unit}{gaps}.")
    return " ".join(parts)
