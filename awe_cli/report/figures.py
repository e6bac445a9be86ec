"""The figures of a report, drawn by matplotlib from the document that `awe report --json` prints.

They are narrow, so that they can be read on a phone. Inside a page they take their colours from the variables of its
style sheet, light or dark; as files they are on white.
"""

from __future__ import annotations

import importlib.util
import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from awe_cli.errors import MissingInputError

REPORT_INSTALL = "pip install 'awe-cli[report]'"
WIDTH = 4.6  # inches
_LONGEST = 24  # characters of a name in a figure
_ROW = 0.36  # inches of a bar or a dot
_SERIES = ("#2563c9", "#c2570c", "#12805c", "#a8328a", "#6d4fd8", "#84651a", "#b3261e", "#52606d")
N_SERIES = len(_SERIES)


@dataclass(frozen=True)
class _Theme:
    """Colours of text, of what stands back, of lines behind the data, of the paper, and of the data."""

    ink: str
    muted: str
    grid: str
    paper: str
    series: tuple[str, ...]


_ON_WHITE = _Theme("#1c2128", "#5b6672", "#dfe3e8", "#ffffff", _SERIES)
# No figure has these colours by chance: they stand for variables of the page.
_IN_PAGE = _Theme(
    "#010203", "#010204", "#010205", "none", tuple(f"#0102{16 + i:02x}" for i in range(N_SERIES))
)
_VARIABLES = {
    _IN_PAGE.ink: "var(--ink)",
    _IN_PAGE.muted: "var(--muted)",
    _IN_PAGE.grid: "var(--line)",
    **{color: f"var(--s{i})" for i, color in enumerate(_IN_PAGE.series)},
}

Draw = Callable[[Mapping[str, Any], _Theme], Any]


def require_matplotlib(command: str) -> None:
    """Raise MissingInputError, with the command that installs it, where matplotlib is not there."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingInputError(
            f"{command} needs matplotlib, which is not installed", hint=f"install it: `{REPORT_INSTALL}`"
        )


def inline_svg(figure: str, document: Mapping[str, Any], title: str, key: str = "") -> str | None:
    """A figure as an SVG element for a page; None where there is nothing to draw.

    title  what a screen reader says of it
    key    tells apart several figures of one kind in a page
    """
    content = _saved(figure, document, _IN_PAGE, "svg", 72)
    if content is None:
        return None
    text = content.decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    head, body = text.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    own = f"{figure}{key}-"
    body = re.sub(r' id="', f' id="{own}', body)
    body = re.sub(r'xlink:href="#', f'href="#{own}', body).replace("url(#", f"url(#{own}")
    body = re.sub(r"font: ([^;\"]*?px) [^;\"]*", r"font: \1 var(--sans)", body)
    for color, variable in _VARIABLES.items():
        body = body.replace(color, variable)
    label = title.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'<svg role="img" aria-label="{label}" {box[0] if box else ""}>{body}'


def image(figure: str, document: Mapping[str, Any], format: str, dpi: int) -> bytes | None:
    """A figure as a file, "png" or "svg", on white; None where there is nothing to draw."""
    return _saved(figure, document, _ON_WHITE, format, dpi)


def _saved(figure: str, document: Mapping[str, Any], theme: _Theme, format: str, dpi: int) -> bytes | None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with _style(theme, as_text=theme is _IN_PAGE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs that the font of files does not have
        drawn = _DRAW[figure](document, theme)
        if drawn is None:
            return None
        FigureCanvasAgg(drawn)
        stream = io.BytesIO()
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None} if format == "svg" else {}
        drawn.savefig(stream, format=format, dpi=dpi, metadata=metadata, facecolor=theme.paper)
        return stream.getvalue()


def _style(theme: _Theme, *, as_text: bool) -> AbstractContextManager[None]:
    import matplotlib

    return matplotlib.rc_context(
        {
            "figure.constrained_layout.use": True,
            "svg.fonttype": "none" if as_text else "path",
            "svg.hashsalt": "awe",
            "text.parse_math": False,  # a label may have dollar signs
            "font.family": "sans-serif",
            "font.size": 10,
            "axes.titlesize": 10.5,
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": theme.muted,
            "axes.labelcolor": theme.muted,
            "axes.titlecolor": theme.ink,
            "axes.facecolor": "none",
            "axes.unicode_minus": True,
            "axes.axisbelow": True,
            "grid.color": theme.grid,
            "grid.linewidth": 0.8,
            "text.color": theme.ink,
            "xtick.color": theme.muted,
            "ytick.color": theme.muted,
            "legend.frameon": False,
            "legend.fontsize": 9.5,
            "lines.linewidth": 1.6,
        }
    )


def _figure(
    height: float, rows: int = 1, *, sharex: bool = False, heights: Sequence[float] | None = None
) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height))
    if rows > 1:
        figure.set_layout_engine("constrained", h_pad=0.07)  # inches: titles stand clear of the numbers above
    axes = figure.subplots(rows, 1, squeeze=False, sharex=sharex, height_ratios=heights)
    return figure, [row[0] for row in axes]


def short(name: object) -> str:
    """A name as figures show it: on one line, cut where it is long, without characters that XML cannot hold."""
    text = " ".join(printable(name).split())
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return f"\u200b{text}" if text.startswith("_") else text  # a legend leaves out what begins so


def printable(name: object) -> str:
    """The text of a name; characters that neither XML nor HTML can hold become U+FFFD."""
    text = str(name).encode("utf-8", "replace").decode("utf-8")
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]", "\ufffd", text)


# One function for each figure.


def _label_frequency(document: Mapping[str, Any], theme: _Theme) -> Any:
    found = document["dataset"]["label_frequency"]
    if not found["rank"]:
        return None
    figure, [axes] = _figure(2.9)
    axes.loglog(found["rank"], found["count"], color=theme.series[0], marker="o", markersize=2.5)
    axes.set_xlabel(f"{document['dataset']['nouns']['labels']} by frequency")
    axes.set_ylabel("training examples")
    axes.grid(True)
    _plain_logs(axes)
    return figure


def _plain_logs(axes: Any) -> None:
    """1,000 instead of a power, which would be set as mathematics."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
        )
        axis.set_minor_formatter(NullFormatter())


def _learning_curves(document: Mapping[str, Any], theme: _Theme) -> Any:
    models = [model for model in document["models"] if model["curves"]]
    if not models:
        return None
    judged = any(
        value is not None for model in models for run in model["curves"] for value in run["validation"]
    )
    n = sum(len(model["curves"]) for model in models)
    figure, axes = _figure((3.9 if judged else 2.3) + 0.17 * n, 2 if judged else 1, sharex=True)
    handles, names, color = [], [], 0
    for model in models:
        for run in model["curves"]:
            is_fit_again = "+" in run["fit"]
            look = {
                "color": theme.series[color % N_SERIES],
                "linestyle": "--" if is_fit_again else "-",
                "marker": "o",
                "markersize": 2.5,
            }
            color += 1
            [line] = axes[0].plot(run["epochs"], run["loss"], **look)
            if judged:
                axes[1].plot(
                    run["epochs"], [float("nan") if v is None else v for v in run["validation"]], **look
                )
            handles.append(line)
            more = f", {run['plan']}" if run["plan"] else ""
            prefix = f"{short(model['name'])}: " if len(models) > 1 else ""
            names.append(f"{prefix}{run['stage']}, on {run['fit']}{more}")
    axes[0].set_title("loss")
    if judged:
        axes[1].set_title(f"{' or '.join(dict.fromkeys(str(m['metric']) for m in models))} on validation")
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    for one in axes:
        one.grid(True)
    figure.legend(handles, names, loc="outside lower left")
    return figure


_PLOTTED = 2  # settings of a search, those that mattered most


def _search(document: Mapping[str, Any], theme: _Theme) -> Any:
    """What mattered, the trials in their order, and the metric by the settings that mattered most."""
    found = next((model["search"] for model in document["models"] if model.get("search")), None)
    if found is None:
        return None
    trials = [trial for trial in found["trials"] if trial["state"] != "diverged"]
    importance = dict(sorted(found["importance"].items(), key=lambda item: -item[1]))
    names = list(importance)[:_PLOTTED]
    heights = [*([0.5 + 0.24 * len(importance)] if importance else []), 1.6, *(1.6 for _ in names)]
    figure, axes = _figure(0.9 + sum(heights), len(heights), heights=heights)
    left = iter(axes)
    if importance:
        one = next(left)
        one.barh(range(len(importance)), list(importance.values()), height=0.62, color=theme.series[0])
        one.set_yticks(range(len(importance)), [name.replace("_", " ") for name in importance])
        one.set_ylim(len(importance) - 0.5, -0.5)
        one.tick_params(axis="y", length=0)
        one.set_title(f"share of what moved {found['metric']}")
        one.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        one.grid(True, axis="x")
    one = next(left)
    numbers = [trial["number"] for trial in trials]
    _trials(one, numbers, trials, theme)
    so_far = [max(t["value"] for t in trials[: n + 1]) for n in range(len(trials))]
    one.step(numbers, so_far, where="post", color=theme.series[1])
    one.set_title(f"{found['metric']} of trials, and the best so far")
    one.xaxis.get_major_locator().set_params(integer=True)
    for one, name in zip(left, names, strict=True):
        values = [trial["values"][name] for trial in trials]
        if not all(type(value) in (int, float) for value in values):
            values = [str(value) for value in values]
        elif min(values) > 0 and max(values) > 4 * min(values):
            one.set_xscale("log")
            _plain_digits(one.xaxis)
        _trials(one, values, trials, theme)
        one.set_title(f"{found['metric']} by {name.replace('_', ' ')}")
    figure.legend(*axes[-1].get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return figure


def _trials(axes: Any, xs: Sequence[Any], trials: Sequence[Mapping[str, Any]], theme: _Theme) -> None:
    """A point for each trial: those that were stopped early are hollow."""
    for state, filled in (("complete", theme.series[0]), ("pruned", "none")):
        of_state = [
            (x, trial["value"]) for x, trial in zip(xs, trials, strict=True) if trial["state"] == state
        ]
        axes.scatter(
            [x for x, _ in of_state], [value for _, value in of_state], 18, facecolors=filled,
            edgecolors=theme.series[0], label={"complete": "complete", "pruned": "stopped early"}[state],
        )  # fmt: skip
    axes.grid(True)


def _plain_digits(axis: Any) -> None:
    """0.2, 0.5, 1 on a logarithmic axis that spans little."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def _metrics(document: Mapping[str, Any], theme: _Theme) -> Any:
    intervals = (document.get("evaluation") or {}).get("intervals")
    if not intervals:
        return None
    models = list(intervals)
    shown = [m for m in next(iter(intervals.values())) if not m.startswith(("popularity", "novelty"))]
    figure, [axes] = _figure(1.0 + 0.17 * len(models) + _ROW * len(shown) * max(0.7, 0.33 * len(models)))
    handles = [
        _dots(
            axes,
            [intervals[model][m] for m in shown],
            _dodged(place, len(models)),
            theme.series[place % N_SERIES],
        )
        for place, model in enumerate(models)
    ]
    axes.set_yticks(range(len(shown)), shown)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.grid(True, axis="x")
    axes.tick_params(axis="y", length=0)
    figure.legend(handles, [short(model) for model in models], loc="outside lower left", ncols=2)
    return figure


def _dots(axes: Any, intervals: Sequence[Mapping[str, float]], offset: float, color: str) -> Any:
    means = [one["mean"] for one in intervals]
    around = [[m - one["low"] for m, one in zip(means, intervals, strict=True)],
              [one["high"] - m for m, one in zip(means, intervals, strict=True)]]  # fmt: skip
    around = [[max(0.0, width) for width in side] for side in around]
    places = [place + offset for place in range(len(means))]
    return axes.errorbar(means, places, xerr=around, fmt="o", markersize=4, color=color, elinewidth=1.6)


def _dodged(place: int, n: int) -> float:
    """How far one of n things beside each other lies from their middle, in rows."""
    return 0.0 if n == 1 else 0.7 * (place / (n - 1) - 0.5)


def _strata(document: Mapping[str, Any], theme: _Theme) -> Any:
    evaluation = document.get("evaluation") or {}
    groups = evaluation.get("result", {}).get("strata", {}).get("groups")
    if not groups:
        return None
    measure = evaluation["main"]
    models = list(evaluation["result"]["models"])
    figure, [axes] = _figure(3.1 + 0.09 * len(models))
    handles = []
    for place, model in enumerate(models):
        there = [
            (x, g["models"][model][measure])
            for x, g in enumerate(groups)
            if measure in g["models"].get(model, {})
        ]
        xs = [x + 0.35 * _dodged(place, len(models)) for x, _ in there]
        means = [of["mean"] for _, of in there]
        around = [
            [max(0.0, of["mean"] - of["low"]) for _, of in there],
            [max(0.0, of["high"] - of["mean"]) for _, of in there],
        ]
        handles.append(
            axes.errorbar(
                xs,
                means,
                yerr=around,
                marker="o",
                markersize=4,
                color=theme.series[place % N_SERIES],
                elinewidth=1.2,
            )
        )
    axes.set_xticks(range(len(groups)), [str(group["name"]) for group in groups])
    axes.tick_params(axis="x", labelsize=8.5, rotation=35 if len(groups) > 6 else 0)
    axes.set_xlabel("training examples that have the wanted label")
    axes.set_title(measure)
    axes.grid(True, axis="y")
    axes.set_ylim(bottom=0)
    figure.legend(handles, [short(model) for model in models], loc="outside lower left", ncols=2)
    return figure


def _coverage(document: Mapping[str, Any], theme: _Theme) -> Any:
    evaluation = document.get("evaluation")
    if not evaluation:
        return None
    models, k = evaluation["result"]["models"], evaluation["k"]
    measures = [
        m for m in (f"coverage@{k}", f"popularity@{k}") if all(m in of["metrics"] for of in models.values())
    ]
    if not measures:
        return None
    figure, axes = _figure(len(measures) * (0.62 + _ROW * len(models)), len(measures))
    titles = {
        "coverage": f"{document['dataset']['nouns']['labels']} that some list of {k} has",
        "popularity": "training examples with a listed one, mean",
    }
    for one, measure in zip(axes, measures, strict=True):
        values = [of["metrics"][measure] for of in models.values()]
        one.barh(
            range(len(values)),
            values,
            height=0.62,
            color=[theme.series[i % N_SERIES] for i in range(len(values))],
        )
        one.set_yticks(range(len(values)), [short(model) for model in models])
        one.set_ylim(len(values) - 0.5, -0.5)
        one.tick_params(axis="y", length=0)
        one.set_title(titles[measure.split("@")[0]])
        one.margins(x=0.16)
        for place, value in enumerate(values):
            text = f"{100 * value:.1f} %" if measure.startswith("coverage") else f"{value:,.1f}"
            one.annotate(text, (value, place), (4, 0), textcoords="offset points", va="center", fontsize=9)
        one.grid(True, axis="x")
    return figure


def _reliability(document: Mapping[str, Any], theme: _Theme) -> Any:
    """Shares of positives over probabilities; on the diagonal they are equal. The larger a dot, the more labels."""
    evaluation = document.get("evaluation") or {}
    found = evaluation.get("calibration")
    if not found:
        return None
    models, measure = found["models"], f"ece@{evaluation['k']}"
    figure, [axes] = _figure(4.4 + 0.17 * len(models))
    axes.plot([0, 1], [0, 1], color=theme.muted, linestyle=":", linewidth=1)
    largest = max((b["labels"] for of in models.values() for b in of["reliability"][measure]), default=1)
    handles = []
    for place, of in enumerate(models.values()):
        bins, color = of["reliability"][measure], theme.series[place % N_SERIES]
        p, share = [b["probability"] for b in bins], [b["positives"] for b in bins]
        axes.scatter(
            p, share, [8 + 70 * b["labels"] / largest for b in bins], color=color, alpha=0.6, linewidths=0
        )
        handles += axes.plot(p, share, color=color, linewidth=1.2)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(f"probability of the first {evaluation['k']}")
    axes.set_ylabel("share that are positives")
    axes.grid(True)
    names = [f"{short(name)}: {of['metrics'][measure]:.3f}" for name, of in models.items()]
    figure.legend(handles, names, title=measure, loc="outside lower left", ncols=2)
    return figure


def _label_map(document: Mapping[str, Any], theme: _Theme) -> Any:
    found = document.get("map")
    if not found or not found["points"]:
        return None
    points = found["points"]
    figure, [axes] = _figure(4.9)
    largest = max(point["count"] for point in points) or 1
    sizes = [6 + 50 * point["count"] / largest for point in points]
    axes.scatter(
        [p["x"] for p in points],
        [p["y"] for p in points],
        sizes,
        color=theme.series[0],
        alpha=0.55,
        linewidths=0,
    )
    axes.margins(0.12)
    first, second = found["explained"]
    axes.set_xlabel(f"first principal component ({100 * first:.0f} % of the variance)")
    axes.set_ylabel(f"second ({100 * second:.0f} %)")
    axes.set_xticks([])
    axes.set_yticks([])
    _name_points(figure, axes, points)
    return figure


def _name_points(figure: Any, axes: Any, points: Sequence[Mapping[str, Any]]) -> None:
    """Write names beside points, the most frequent first; one that would lie on others is left out."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    renderer, frame = canvas.get_renderer(), axes.get_window_extent()
    taken: list[Any] = []
    for point in sorted(points, key=lambda point: -point["count"]):
        for dx, dy, ha, va in ((5, 0, "left", "center"), (-5, 0, "right", "center"), (0, 5, "center", "bottom"),
                               (0, -5, "center", "top")):  # fmt: skip
            text = axes.annotate(
                short(point["label"]), (point["x"], point["y"]), (dx, dy), textcoords="offset points",
                ha=ha, va=va, fontsize=8.5,
            )  # fmt: skip
            box = text.get_window_extent(renderer)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


_DRAW: dict[str, Draw] = {
    "label-frequency": _label_frequency,
    "learning-curves": _learning_curves,
    "search": _search,
    "metrics": _metrics,
    "strata": _strata,
    "coverage": _coverage,
    "reliability": _reliability,
    "label-map": _label_map,
}
