"""A report as one HTML page: no scripts, nothing from the network, light and dark, made for a phone as well.

Everything that comes from the data or the workspace goes through `_e`, which escapes it.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from awe_cli.report.figures import inline_svg, printable
from awe_cli.report.tables import Table, best_on_validation, candidates_table, comparison, tried_table

_STYLE = """
:root { color-scheme: light dark;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  --paper: #ffffff; --raised: #f6f7f9; --ink: #1c2128; --muted: #59636e; --line: #dfe3e8; --link: #2563c9;
  --warn: #9a5b00;
  --s0: #2563c9; --s1: #c2570c; --s2: #12805c; --s3: #a8328a; --s4: #6d4fd8; --s5: #84651a; --s6: #b3261e;
  --s7: #52606d; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14171c; --raised: #1c2027; --ink: #e6e9ee; --muted: #9aa5b1; --line: #323943; --link: #7db0ff;
  --warn: #f0b35a;
  --s0: #6ea8ff; --s1: #f2954b; --s2: #45c496; --s3: #e583ca; --s4: #ab97ff; --s5: #d3b25a; --s6: #ff8a80;
  --s7: #a3b1c0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 var(--sans);
  overflow-wrap: anywhere;
  -webkit-text-size-adjust: 100%; }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.5rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; padding-top: 1rem; border-top: 1px solid var(--line);
  scroll-margin-top: .5rem; }
h3, h4 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { margin: .5rem 0; max-width: 46rem; }
.muted, figcaption, .caption, footer { color: var(--muted); font-size: .875rem; }
a { color: var(--link); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 1rem 0 0; font-size: .9375rem; }
nav a { padding: .25rem 0; text-decoration: none; }
.table { margin: .6rem 0; border: 1px solid var(--line); border-radius: .4rem; overflow: hidden; }
.scroll { overflow-x: auto; }
.caption { margin: 0; max-width: none; padding: .5rem .6rem; background: var(--raised);
  border-bottom: 1px solid var(--line); }
table { border-collapse: collapse; font-size: .875rem; width: 100%; overflow-wrap: normal; }
th, td { white-space: nowrap; padding: .32rem .6rem; text-align: left; vertical-align: top;
  border-top: 1px solid var(--line); }
thead th { border-top: 0; background: var(--raised); font-weight: 600; vertical-align: bottom; }
thead th, thead th.n { white-space: normal; }
tbody th { font-weight: 400; }
th.name, td.name { white-space: normal; min-width: 15rem; max-width: 26rem; overflow-wrap: anywhere; }
td.n, span.n { white-space: nowrap; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.pair { display: grid; gap: 1rem 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); align-items: start; }
.pair > * { min-width: 0; margin-top: 0; }
figure { margin: .6rem 0; max-width: 34rem; }
figure svg { display: block; width: 100%; height: auto; }
.tiles { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr));
  margin: 1rem 0; padding: 0; list-style: none; }
.tiles li { background: var(--raised); border: 1px solid var(--line); border-radius: .4rem;
  padding: .5rem .7rem; }
.tiles b { display: block; font-size: 1.2rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--muted); font-size: .8125rem; }
.notes { margin: .6rem 0; padding: .5rem .8rem .5rem 1.9rem; border-left: .25rem solid var(--warn);
  background: var(--raised); border-radius: .2rem; }
details { margin: .5rem 0; }
summary { cursor: pointer; padding: .3rem 0; color: var(--link); }
pre { overflow-x: auto; margin: .5rem 0; padding: .7rem .8rem; background: var(--raised);
  border: 1px solid var(--line); border-radius: .4rem;
  font: .8125rem/1.5 var(--mono); overflow-wrap: normal; }
code { font: .875em var(--mono); }
.bars { display: grid; grid-template-columns: minmax(5rem, 11rem) 1fr auto; gap: .15rem .6rem;
  margin: .2rem 0 .8rem; font-size: .875rem; }
.bar { align-self: center; height: .65rem; border-radius: .15rem; background: var(--s0); min-width: 1px; }
.bar.minus { background: var(--s1); }
.bar.rest { background: var(--line); }
footer { padding: 2rem 1rem 3rem; }
@media print { .scroll { overflow: visible; } }
"""

_SHORT = 32  # characters of a cell on one line
_SECTIONS = (
    ("dataset", "Dataset"),
    ("learning", "Learning"),
    ("quality", "Quality"),
    ("strata", "By label frequency"),
    ("coverage", "Coverage and popularity"),
    ("reliability", "Probabilities"),
    ("map", "Map of the labels"),
    ("neighbors", "Neighbours"),
    ("examples", "Explained examples"),
    ("lineage", "Lineage"),
    ("commands", "Commands"),
)


def page(document: Mapping[str, Any]) -> str:
    """The page of a document as `awe_cli.steps.report` collects it."""
    bodies = {
        "dataset": _dataset,
        "learning": _learning,
        "quality": _quality,
        "strata": _strata,
        "coverage": _coverage,
        "reliability": _reliability,
        "map": _map,
        "neighbors": _neighbors,
        "examples": _examples,
        "lineage": _lineage,
        "commands": _commands,
    }
    title = f"awe report: {document['dataset']['task']}, {document['dataset']['digest'][:12]}"
    sections = "".join(
        f'<section id="{key}"><h2>{_e(name)}</h2>\n{"".join(bodies[key](document))}</section>\n'
        for key, name in _sections(document)
    )
    links = "".join(f'<a href="#{key}">{_e(name)}</a>' for key, name in _sections(document))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{_e(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
{"".join(_head(document))}
<nav aria-label="Sections">{links}</nav>
</header>
<main>
{sections}</main>
<footer>Made by awe {_e(document["awe"])}. This file needs no network and has no scripts.</footer>
</body>
</html>
"""


def _sections(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    labels = document["dataset"]["nouns"]["labels"]
    names = {"strata": f"By frequency of the {labels}", "map": f"Map of the {labels}"}
    return [(key, names.get(key, name)) for key, name in _SECTIONS]


# Pieces.


def _e(value: object) -> str:
    """Text of the data, safe inside an element or an attribute in double quotes."""
    return html.escape(printable(value), quote=True)


def _table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "", keys: int = 1
) -> str:
    """A table that scrolls inside itself; the first `keys` columns are names, numbers stand right."""
    there = [["" if value is None else value for value in row] for row in rows]
    right = [
        place >= keys and bool(there) and all(_is_number(row[place]) for row in there)
        for place in range(len(columns))
    ]
    head = "".join(
        f'<th scope="col"{_class("n" if right[i] else "")}>{_e(column)}</th>'
        for i, column in enumerate(columns)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row"{_class(_wraps(value))}>{_e(_cell(value))}</th>'
            if i == 0
            else f"<td{_class('n' if right[i] else _wraps(value))}>{_e(_cell(value))}</td>"
            for i, value in enumerate(row)
        )
        + "</tr>"
        for row in there
    )
    inside = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    named = f' role="region" aria-label="{_e(caption)}"' if caption else ""
    above = (
        f'<p class="caption">{_e(caption)}</p>' if caption else ""
    )  # not inside: there it would scroll away
    return f'<div class="table">{above}<div class="scroll" tabindex="0"{named}><table>{inside}</table></div></div>\n'


def _wraps(value: object) -> str:
    """The class of a long text, which may be broken; anything short stays on one line."""
    return "name" if len(_cell(value)) > _SHORT else ""


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _is_number(value: object) -> bool:
    """Whether a cell is a number, a number with its interval, or empty."""
    return isinstance(value, int | float) or (
        isinstance(value, str) and set(value) <= set("0123456789.,+-−[] *%") and any(c.isdigit() for c in value)
    ) or value == ""  # fmt: skip


def _of_table(table: Table) -> str:
    notes = "".join(f'<p class="muted">{_e(note)}</p>' for note in table.notes)
    return _table(table.columns, table.rows, caption=table.title, keys=table.keys) + notes


def _figure(name: str, document: Mapping[str, Any], caption: str, key: str = "") -> str:
    drawn = inline_svg(name, document, printable(caption), key)
    if drawn is None:
        return ""
    return f"<figure>{drawn}<figcaption>{_e(caption)}</figcaption></figure>\n"


def _note(text: str) -> str:
    return f'<p class="muted">{_e(text)}</p>\n'


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{_e(line)}</li>" for line in lines)
    return f'<ul class="notes">{items}</ul>\n' if items else ""


def _more(title: str, inside: str) -> str:
    return f"<details><summary>{_e(title)}</summary>{inside}</details>\n"


def _when(created: str | None) -> str:
    return "" if created is None else f"{created[:16].replace('T', ' ')} UTC"


# Sections.


def _head(document: Mapping[str, Any]) -> Iterable[str]:
    data, evaluation = document["dataset"], document["evaluation"]
    n = len(document["models"])
    yield f"<h1>{_e(data['task'].capitalize())}: {n} {'model' if n == 1 else 'models'}</h1>"
    names = ", ".join(model["name"] for model in document["models"])
    yield f'<p class="muted">Dataset {_e(data["digest"][:12])}, prepared {_e(_when(data["created"]))}. '
    yield f"Models: {_e(names or 'none yet')}.</p>"
    tiles = [(f"{data['n_labels']:,}", data["nouns"]["labels"])]
    summary = data["summary"]
    for name in ("people", "examples"):
        if name in summary:
            tiles.insert(0, (f"{summary[name]:,}", data["nouns"]["examples"]))
    if evaluation:
        main, result = evaluation["main"], evaluation["result"]
        scores = {name: of["metrics"][main] for name, of in result["models"].items()}
        best = max(scores, key=lambda name: scores[name])
        tiles.append((f"{scores[best]:.4f}", f"best {main}, of {best} on {result['split']}"))
        measure = f"coverage@{evaluation['k']}"
        tiles.append(
            (f"{result['models'][best]['metrics'][measure]:.1%}".replace("%", " %"), f"{measure} of {best}")
        )
    yield (
        '<ul class="tiles">'
        + "".join(f"<li><b>{_e(a)}</b><span>{_e(b)}</span></li>" for a, b in tiles)
        + "</ul>"
    )
    yield _list(document["warnings"])


def _dataset(document: Mapping[str, Any]) -> Iterable[str]:
    data = document["dataset"]
    summary, frequency, labels = data["summary"], data["label_frequency"], data["nouns"]["labels"]
    facts = [
        (name.replace("_", " "), summary[name])
        for name in ("people", "items", "interactions", "examples", "labels", "documents", "features", "label_features",
                     "pairs", "rows", "merged", "leaked", "left_out")
        if isinstance(summary.get(name), int)
    ]  # fmt: skip
    facts += [("density", f"{100 * summary['density']:.3g} %")] if "density" in summary else []
    sizes = summary["sizes"]
    columns = list(next(iter(sizes.values())))
    quantiles = [
        (name.replace("_", " "), value)
        for name, value in summary.items()
        if isinstance(value, dict) and "median" in value
    ]
    left = _table(("task", data["task"]), facts)
    left += _table(("split", *columns), [(s, *(n[c] for c in columns)) for s, n in sizes.items()])
    text = f"The long tail: how many training examples each of the {labels} has"
    if frequency["share_of_top_percent"] is not None:
        text += f". The most frequent 1 % of them make {100 * frequency['share_of_top_percent']:.0f} % of all"
    if frequency["without"]:
        text += f"; {frequency['without']:,} have none, and are not drawn"
    yield f'<div class="pair"><div>{left}</div><div>{_figure("label-frequency", document, text + ".")}</div></div>'
    if quantiles:
        names = list(quantiles[0][1])
        yield _table(("", *names), [(name, *(of.get(q) for q in names)) for name, of in quantiles])
    if summary.get("warnings"):
        yield "<h3>Warnings of prepare</h3>" + _list(summary["warnings"])
    if summary.get("notes"):
        yield "<h3>Notes of prepare</h3>" + _list(summary["notes"])


def _learning(document: Mapping[str, Any]) -> Iterable[str]:
    if not document["models"]:
        yield _note("There is no model yet: make one with awe train --affinity constant --name wsabie.")
        return
    columns = ("model", "type", "affinity", "loss", "fits", "validation", "made")
    yield _table(columns, [_model_row(model) for model in document["models"]])
    drawn = []
    for number, model in enumerate(document["models"]):
        if model["curves"]:
            caption = f"{model['name']}: loss, and {model['metric']} on validation, by epoch."
            drawn.append(_figure("learning-curves", {**document, "models": [model]}, caption, str(number)))
    yield (
        f'<div class="pair">{"".join(drawn)}</div>'
        if drawn
        else _note("None of these models has learning curves.")
    )
    for number, model in enumerate(document["models"]):
        if model.get("search"):
            caption = f"{model['name']}: the trials of awe tune, and which settings mattered."
            yield f"<div>{_figure('search', {**document, 'models': [model]}, caption, f'-{number}')}</div>"
    for model in document["models"]:
        result = model["result"]
        table = None
        if "tried" in result and "choice" in result:
            table = tried_table(result)
        elif result.get("kept") is not None:
            table = candidates_table(result)
        if table is not None:
            yield _more(f"{model['name']}: what it chose from", _of_table(table))
        if isinstance(result.get("models"), list) and isinstance(result.get("weights"), list):
            rows = list(zip(result["models"], map(float, result["weights"]), strict=False))
            yield _more(f"{model['name']}: its models and weights", _table(("model", "weight"), rows))


def _model_row(model: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        model["name"], model["type"], model["affinity"], model["loss"], ", ".join(model["fits"]),
        _validation(model["result"]), _when(model["created"]),
    )  # fmt: skip


def _validation(result: Mapping[str, Any]) -> str | None:
    """The best score on validation that a result has, and its metric."""
    best = best_on_validation(result)
    return None if best is None else f"{best:.4f} {result.get('metric') or ''}".strip()


def _quality(document: Mapping[str, Any]) -> Iterable[str]:
    evaluation = document["evaluation"]
    if not evaluation:
        yield _note("No model was judged.")
        return
    result, intervals = evaluation["result"], evaluation["intervals"]
    first, *others = comparison(result)
    models = first.columns[1:]
    rows = []
    for measure, *values in first.rows:
        name = str(measure)
        of_models = zip(models, values, strict=True)
        rows.append((name, *(_with_interval(name, v, intervals[m].get(name)) for m, v in of_models)))
    level = round(100 * result["interval"]["level"])
    yield _of_table(Table(f"{first.title} [{level} % interval]", first.columns, tuple(rows), first.notes))
    yield _figure(
        "metrics",
        document,
        f"Means with {level} % bootstrap intervals over the examples of {result['split']}.",
    )
    yield from (_of_table(table) for table in others if table.title.startswith("difference from"))


def _with_interval(measure: str, value: object, interval: Mapping[str, float] | None) -> object:
    if not isinstance(value, float):
        return value
    if interval is None:
        return _rounded(measure, value)
    low, high = (_rounded(measure, interval[end]) for end in ("low", "high"))
    return f"{_rounded(measure, value)} [{low}, {high}]"


def _strata(document: Mapping[str, Any]) -> Iterable[str]:
    evaluation = document["evaluation"]
    if not evaluation:
        yield _note("No model was judged.")
        return
    main, labels = evaluation["main"], document["dataset"]["nouns"]["labels"]
    yield _note(
        f"Only the {labels} of a stratum are wanted, and all stay candidates. Strata are by how many training examples "
        f"have the wanted ones."
    )
    yield _figure("strata", document, f"{main} by the frequency of the wanted {labels}, with 95 % intervals.")
    tables = {
        t.title.split(" by ")[0]: t
        for t in comparison(evaluation["result"])
        if " by label frequency" in t.title
    }
    if main in tables:
        yield _of_table(tables.pop(main))
    tables = {name: table for name, table in tables.items() if not name.startswith(("popularity", "novelty"))}
    if tables:
        yield _more("The other measures", "".join(_of_table(table) for table in tables.values()))


def _coverage(document: Mapping[str, Any]) -> Iterable[str]:
    evaluation = document["evaluation"]
    if not evaluation:
        yield _note("No model was judged.")
        return
    result, labels = evaluation["result"], document["dataset"]["nouns"]["labels"]
    measures = [
        name for name in next(iter(result["models"].values()))["metrics"]
        if name.split("@")[0] in ("coverage", "gini", "popularity", "novelty")
    ]  # fmt: skip
    rows = [
        (name, *(_rounded(m, of["metrics"][m]) for m in measures)) for name, of in result["models"].items()
    ]
    yield _table(("model", *measures), rows)
    yield _note(
        f"Coverage: the share of the {labels} that at least one list has. Gini: 0 where all are listed equally often, "
        "near 1 where few have most places. Popularity: how many training examples have one of a list, on "
        "average; the higher, the more a model leans to what is frequent anyway. Novelty: how many bits it tells to "
        "meet one of a list, more for the rare. None of these is better the higher by itself."
    )
    k = evaluation["k"]
    yield _figure(
        "coverage",
        document,
        f"How much of the {labels} lists of {k} reach, and how popular what they name is.",
    )


def _reliability(document: Mapping[str, Any]) -> Iterable[str]:
    found = (document["evaluation"] or {}).get("calibration")
    if not found:
        yield _note(
            "No judged model is calibrated: awe calibrate --model NAME learns what a score stands for."
        )
        return
    k, labels = document["evaluation"]["k"], document["dataset"]["nouns"]["labels"]
    names = list(next(iter(found["models"].values()))["metrics"])
    rows = [(name, *(_rounded(m, of["metrics"][m]) for m in names)) for name, of in found["models"].items()]
    yield _table(("model", *names), rows)
    yield _note(
        f"Of the first {k} {labels} of each list. ece: by how much probabilities and the shares that come true differ, "
        "on average; brier: the squared error of a probability. Both are better the lower. A probability is what "
        "validation says of a score; where the split has more positives, or fewer, all are off alike."
    )
    yield _figure(
        "reliability", document,
        f"Shares of positives among {labels} by their probability on {found['split']}; on the dotted line both agree. "
        f"The larger a dot, the more {labels} it stands for.",
    )  # fmt: skip


def _rounded(measure: str, value: float) -> str:
    """Two decimals for counts and bits, four for shares."""
    return f"{value:,.2f}" if measure.startswith(("popularity", "novelty")) else f"{value:.4f}"


def _map(document: Mapping[str, Any]) -> Iterable[str]:
    found, labels = document["map"], document["dataset"]["nouns"]["labels"]
    if not found:
        yield _note("There is no embedding model with at least three known labels among these.")
        return
    points = found["points"]
    yield _figure(
        "label-map", document,
        f"The {len(points)} most frequent {labels} in the space of {found['model']}: principal components of the rows "
        f"of V, scaled to length 1. Names that would lie on others are left out; the table has all.",
    )  # fmt: skip
    rows = [(p["label"], p["count"], f"{p['x']:+.3f}", f"{p['y']:+.3f}") for p in points]
    yield _more("The points", _table(("label", "examples", "first", "second"), rows))


def _neighbors(document: Mapping[str, Any]) -> Iterable[str]:
    found = document["neighbors"]
    if not found:
        yield _note("There is no embedding model whose space could be asked.")
        return
    yield _note(f"What lies nearest in the space of {found['model']}, by the cosine of rows of V.")
    tables = [
        _table(
            ("near", "cosine", "examples"),
            [(near["label"], float(near["cosine"]), near["count"]) for near in entry["neighbors"]],
            caption=f"{entry['label']} ({entry['count']:,} examples)",
        )
        for entry in found["labels"]
    ]
    yield f'<div class="pair">{"".join(tables)}</div>'


def _examples(document: Mapping[str, Any]) -> Iterable[str]:
    if not document["examples"]:
        yield _note("No example is explained.")
    for of in document["examples"]:
        yield f"<h3>By {_e(of['model'])}</h3>"
        if of["note"]:
            yield _note(f"Left out: {of['note']}")
        for place, example in enumerate(of["explained"]):
            inside = "".join(_explained(entry) for entry in example["labels"])
            opened = " open" if place == 0 else ""
            best = ", ".join(printable(entry["label"]) for entry in example["labels"])
            yield f"<details{opened}><summary>{_e(example['id'])}: {_e(best)}</summary>{inside}</details>\n"


def _explained(entry: Mapping[str, Any]) -> str:
    """The parts of a score as bars; what adds nothing is named in one line."""
    parts = [part for part in entry["parts"] if part["share"]]
    sizes = [abs(part["share"]) for part in parts if not _is_rest(part)]
    largest = max(sizes, default=0.0) or max((abs(part["share"]) for part in parts), default=1.0)
    kinds = " and ".join(dict.fromkeys(str(part["kind"]) for part in entry["parts"]))
    bars = "".join(_bar(part, largest) for part in parts)
    silent = len(entry["parts"]) - len(parts)
    rest = _note(f"{silent} more add nothing.") if silent else ""
    about = f"score {entry['score']:.4g}, by {kinds or 'nothing'}"
    title = f'<h4>{_e(entry["label"])} <span class="muted">{_e(about)}</span></h4>'
    return f'{title}<div class="bars">{bars}</div>{rest}'


def _is_rest(part: Mapping[str, Any]) -> bool:
    """Whether a part is the sum of those that are not listed."""
    return re.fullmatch(r"\([\d,]+ others?\)", str(part["name"])) is not None


def _bar(part: Mapping[str, Any], largest: float) -> str:
    look = "bar rest" if _is_rest(part) else "bar minus" if part["share"] < 0 else "bar"
    width = min(100.0, 100 * abs(part["share"]) / largest)
    return (
        f'<span>{_e(part["name"])}</span><span class="{look}" style="width:{width:.1f}%"></span>'
        f'<span class="n">{_signed(part["share"])}</span>'
    )


def _signed(share: float) -> str:
    return f"{share:+.4f}" if abs(share) < 100 else f"{share:+,.1f}"


def _lineage(document: Mapping[str, Any]) -> Iterable[str]:
    names = {entry["digest"]: _called(entry) for entry in document["lineage"]}
    rows = []
    for entry in document["lineage"]:
        parents = entry.get("parents", {})
        of = ", ".join(_parent(role, names.get(digest, digest[:12])) for role, digest in parents.items())
        rows.append((_called(entry), entry["digest"][:12], _when(entry.get("created")), of or "files"))
    yield _table(("artifact", "digest", "made", "from"), rows)
    yield _note(
        "A digest is the sha256 of the contents: the same data, settings and seed give the same one. Where no name "
        "means an artifact any more, it is not known when it was made."
    )
    for entry in document["lineage"]:
        if "recipe" in entry:
            text = json.dumps(entry["recipe"], indent=2, ensure_ascii=False, sort_keys=True)
            whole = f'<p><code>{_e(entry["digest"])}</code></p><pre tabindex="0">{_e(text)}</pre>'
            yield _more(f"Recipe of {_called(entry)}", whole)
        else:
            yield _note(f"{entry['digest'][:12]}: {entry['missing']}")


def _parent(role: str, name: str) -> str:
    """ "model wsabie", or "start: model wsabie" where the role says more than the kind does."""
    return name if role.split()[0] == name.split()[0] else f"{role}: {name}"


def _called(entry: Mapping[str, Any]) -> str:
    if entry["kind"] is None:
        return "(removed)"
    return f"{entry['kind']} {entry['name']}" if entry["name"] else str(entry["kind"])


def _commands(document: Mapping[str, Any]) -> Iterable[str]:
    made = [entry for entry in document["lineage"] if entry.get("command")]
    commands = list(dict.fromkeys(entry["command"] for entry in made))
    if commands:
        yield _note("As they were typed, in the order of what they made:")
        yield f'<pre tabindex="0">{_e(chr(10).join(commands))}</pre>'
    rest = [_called(entry) for entry in document["lineage"] if not entry.get("command")]
    if rest:
        yield _note(
            f"No command is recorded for {', '.join(rest)}; the recipe above says what it was made with."
        )
