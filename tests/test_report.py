"""The report: one page without scripts or network, whose numbers are those of evaluate; and its figures as files."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from awe_cli.app import main
from awe_cli.config.prepare import PrepareSettings
from awe_cli.config.report import FIGURES, SEARCH, ReportSettings
from awe_cli.config.train import TrainSettings
from awe_cli.metrics.bootstrap import paired_intervals
from awe_cli.report.figures import REPORT_INSTALL, printable
from awe_cli.steps.prepare import prepare
from awe_cli.steps.report import principal_plane, report
from awe_cli.steps.train import train
from awe_cli.workspace import Workspace
from tests.small import annotation, recommendation

PEOPLE, ITEMS = 60, 12
HOSTILE = "<script>alert('i0')</script>"
ODD = [HOSTILE, '"><img src=x onerror=alert(1)>', "$x^2$ & _{y}", "_under", "a\x1b[31m\x00b", "é 漢字 " * 20]
SECTIONS = [
    "dataset",
    "learning",
    "quality",
    "strata",
    "coverage",
    "reliability",
    "map",
    "neighbors",
    "examples",
    "lineage",
    "commands",
]
VOID = {"meta", "br", "img", "link", "input", "hr"}
MODELS = "popularity,wsabie,nmf,awe,best"


class Page(HTMLParser):
    """What a page consists of: elements with attributes, text, the cells of tables; unclosed elements are noted."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self._cell = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = True

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._cell:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """People of two tastes; items with names that are no good manners; models of five types."""
    folder = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(1)
    users, items = [], []
    for person in range(PEOPLE):
        chosen = rng.permutation(ITEMS // 2)[:5] + (person % 2) * ITEMS // 2
        users += [f"<b>p{person}</b>"] * 5
        items += [ODD[item] if item < len(ODD) else f"i{item}" for item in chosen]
    pq.write_table(pa.table({"user": users, "item": items}), folder / "plays.parquet")
    where = ["-w", str(folder / "w")]
    options = ["--user", "user", "--item", "item", "--holdout", "1"]
    assert main([*where, "prepare", str(folder / "plays.parquet"), *options]) == 0
    assert main([*where, "train", "--name", "wsabie", "--dim", "6", "--epochs", "6"]) == 0
    assert main([*where, "build-knn", "--model", "wsabie", "--k", "7"]) == 0
    assert main([*where, "retrain", "--model", "wsabie", "--name", "awe", "--epochs", "1"]) == 0
    assert main([*where, "train-baseline", "popularity"]) == 0
    assert main([*where, "train-baseline", "nmf"]) == 0
    assert main([*where, "ensemble", "--model", "wsabie,awe,popularity", "--name", "best"]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("awe_cli.steps.calibrate._FEWEST", 1)
        assert main([*where, "calibrate", "--model", "best"]) == 0
    assert (
        main(
            [*where, "train", "--name", "all", "--dim", "4", "--epochs", "1", "--fit-on", "train,valid,test"]
        )
        == 0
    )
    return Workspace(folder / "w")


@pytest.fixture(scope="module")
def made(ws: Workspace) -> tuple[dict[str, Any], str]:
    """The document and the page of a report."""
    output = ws.root.parent / "made.html"
    document = report(ws, output, [MODELS])
    return document, output.read_text(encoding="utf-8")


def run(ws: Workspace, *arguments: str) -> int:
    """The exit code of a command."""
    return main(["-w", str(ws.root), *arguments])


def test_one_page_with_all_sections(made):
    document, text = made
    page = Page(text)
    assert not page.wrong
    assert not page.open
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert [one for one in ids if one in SECTIONS] == SECTIONS
    assert len(set(ids)) == len(ids), "an id stands twice"
    links = {a["href"] for tag, a in page.elements if tag == "a"}
    assert links == {f"#{section}" for section in SECTIONS}
    named = [a.get("aria-label") for tag, a in page.elements if tag == "svg"]
    assert len(named) == 6 + sum(bool(model["curves"]) for model in document["models"])
    assert all(named)
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.elements
    assert "@media (prefers-color-scheme: dark)" in text


def test_nothing_comes_from_elsewhere(made):
    page = Page(made[1])
    assert not {tag for tag, _ in page.elements} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "base",
        "form",
    }
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "src", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert "://" not in made[1]
    assert "@import" not in made[1]
    local = {f"#{a['id']}" for _, a in page.elements if a.get("id")}
    used = {a["href"] for _, a in page.elements if a.get("href")}
    assert used <= local


def test_names_of_the_data_are_text(made):
    page = Page(made[1])
    seen = "".join(page.text)
    for name in (*ODD[:4], printable(ODD[4])):
        assert name in seen
    assert "<script" not in made[1]
    assert "\x1b" not in made[1]
    assert "\x00" not in made[1]
    assert "<b>p" in seen


def test_numbers_are_those_of_evaluate(ws, made, capsys):
    document, text = made
    metrics = "precision,recall,ndcg,map,mrr,coverage,gini,popularity,novelty"
    capsys.readouterr()
    assert (
        run(ws, "evaluate", "--model", MODELS, "--metric", metrics, "--by", "label-frequency", "--json") == 0
    )
    expected = json.loads(capsys.readouterr().out)
    found = document["evaluation"]["result"]
    assert json.loads(json.dumps(found)) == expected
    page = Page(text)
    table = {row[0]: row[1:] for row in page.rows if len(row) == 6}
    for place, of in enumerate(expected["models"].values()):
        for measure, value in of["metrics"].items():
            digits = 2 if measure.startswith(("popularity", "novelty")) else 4
            assert table[measure][place].split(" [")[0] == f"{value:,.{digits}f}"


def test_intervals_are_of_the_examples(ws, made):
    evaluation = made[0]["evaluation"]
    artifact = ws.find("metrics", evaluation["name"])
    rows = pq.read_table(artifact.file("examples.parquet")).to_pylist()
    for model, intervals in evaluation["intervals"].items():
        values = np.array([[row["ndcg@10"]] for row in rows if row["model"] == model])
        [one] = paired_intervals(values, 0)
        expected = {"mean": one.mean, "low": one.low, "high": one.high}
        assert intervals["ndcg@10"] == pytest.approx(expected)
        assert one.mean == pytest.approx(evaluation["result"]["models"][model]["metrics"]["ndcg@10"])
        assert one.low < one.mean < one.high
        assert "coverage@10" not in intervals


def test_curves_are_the_history_of_the_model(ws, made):
    model = next(model for model in made[0]["models"] if model["name"] == "wsabie")
    rows = pq.read_table(ws.find("model", "wsabie").file("history.parquet")).to_pylist()
    flat = [
        (run["stage"], run["fit"], epoch, loss, validation)
        for run in model["curves"]
        for epoch, loss, validation in zip(run["epochs"], run["loss"], run["validation"], strict=True)
    ]
    assert flat == [(r["stage"], r["fit"], r["epoch"], r["loss"], r["validation"]) for r in rows]
    assert all(np.diff(run["epochs"]).min(initial=1) == 1 for run in model["curves"])


def test_lineage_and_commands(ws, made):
    entries = {(entry["kind"], entry["name"]): entry for entry in made[0]["lineage"]}
    awe = entries["model", "awe"]
    assert awe["parents"] == dict(ws.find("model", "awe").parents)
    assert {entry["digest"] for entry in entries.values()} >= set(awe["parents"].values())
    places = {entry["digest"]: place for place, entry in enumerate(made[0]["lineage"])}
    for entry in made[0]["lineage"]:
        assert all(places[parent] < places[entry["digest"]] for parent in entry["parents"].values())
    assert "retrain --model wsabie --name awe" in awe["command"]
    assert "build-knn" in entries["neighbors", "wsabie"]["command"]
    assert "prepare" in entries["dataset", None]["command"]
    assert "retrain --model wsabie --name awe" in "".join(Page(made[1]).text)


def test_what_was_made_without_a_command_says_so(tmp_path, interpreted_kernels):
    ws = recommendation(tmp_path / "w")
    train(ws, TrainSettings(dim=2, epochs=1), name="wsabie", threads=1)
    document = report(ws, tmp_path / "r.html")
    assert {entry["command"] for entry in document["lineage"]} == {None}
    assert "No command is recorded for dataset, model wsabie" in "".join(
        Page((tmp_path / "r.html").read_text()).text
    )


def test_explained_examples_add_up(ws, made, tmp_path):
    of = {entry["model"]: entry for entry in made[0]["examples"]}
    assert list(of) == ["awe", "best"]
    assert [len(entry["explained"]) for entry in of.values()] == [3, 3]
    for entry in of.values():
        for example in entry["explained"]:
            for label in example["labels"]:
                assert sum(part["share"] for part in label["parts"]) == pytest.approx(
                    label["score"], rel=1e-4
                )
    document = report(ws, tmp_path / "r.html", ["nmf"], ids=[f"<b>p{i}</b>" for i in range(10)])
    [entry] = document["examples"]
    assert not entry["explained"]
    assert "no sum over the features" in entry["note"]
    text = "".join(Page((tmp_path / "r.html").read_text()).text)
    assert f"Left out: {entry['note']}" in text
    assert "There is no embedding model" in text


def test_what_is_asked_for_is_shown(ws, tmp_path, capsys):
    options = [
        "--model",
        "awe",
        "--id",
        "<b>p7</b>",
        "--label",
        "i9",
        "--label",
        HOSTILE,
        "--map-labels",
        "5",
    ]
    assert (
        run(ws, "report", *options, "--split", "valid", "--at", "3", "--json", "-o", str(tmp_path / "r.html"))
        == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert [entry["label"] for entry in document["neighbors"]["labels"]] == ["i9", HOSTILE]
    assert [example["id"] for example in document["examples"][0]["explained"]] == ["<b>p7</b>"]
    assert len(document["map"]["points"]) == 5
    assert document["evaluation"]["result"]["split"] == "valid"
    assert document["evaluation"]["main"] == "ndcg@3"
    counts = [point["count"] for point in document["map"]["points"]]
    assert counts == sorted(counts, reverse=True)


def test_all_models_baselines_first(ws, tmp_path):
    run(ws, "promote", "awe", "--as", "in-use")
    document = report(ws, tmp_path / "r.html")
    assert {model["name"] for model in document["models"]} == {*MODELS.split(","), "all"}
    ranks = [{"embedding": 1, "ensemble": 2}.get(model["type"], 0) for model in document["models"]]
    made = [(rank, model["created"]) for rank, model in zip(ranks, document["models"], strict=True)]
    assert made == sorted(made)
    assert document["models"][-1]["name"] == "best"
    [warning] = [line for line in document["warnings"] if line.startswith("all ")]
    assert "cannot be evaluated on test" in warning
    assert "all" not in document["evaluation"]["result"]["models"]
    assert warning in "".join(Page((tmp_path / "r.html").read_text()).text)


def test_models_of_another_version_and_damaged_ones(tmp_path, interpreted_kernels):
    where = ["-w", str(tmp_path / "w")]
    plays = tmp_path / "plays.csv"
    lines = ["user,item", *(f"p{p},i{(p + i) % 5}" for p in range(8) for i in range(3))]
    plays.write_text("\n".join(lines) + "\n")
    options = [str(plays), "--user", "user", "--item", "item", "--holdout", "1"]
    assert main([*where, "prepare", *options]) == 0
    assert main([*where, "train", "--name", "old", "--dim", "2", "--epochs", "1"]) == 0
    assert main([*where, "train", "--name", "broken", "--dim", "3", "--epochs", "1"]) == 0
    plays.write_text("\n".join([*lines, *(f"p{p},fresh" for p in range(8))]) + "\n")
    assert main([*where, "prepare", *options, "--update"]) == 0
    ws = Workspace(tmp_path / "w")
    ws.find("model", "broken").file("result.json").write_text("{}")
    document = report(ws, tmp_path / "r.html")
    assert [model["name"] for model in document["models"]] == ["old"]
    [warning] = [line for line in document["warnings"] if line.startswith("broken is left out")]
    assert "result.json" in warning
    assert {point["label"] for point in document["map"]["points"]} == {f"i{i}" for i in range(5)}
    assert len(document["neighbors"]["labels"]) == 2
    assert "fresh" not in {entry["label"] for entry in document["neighbors"]["labels"]}
    assert len([entry for entry in document["lineage"] if entry["kind"] == "dataset"]) == 2


def test_an_alias_is_reported_by_what_made_its_model(ws, tmp_path):
    assert run(ws, "promote", "awe", "--as", "champion") == 0
    document = report(ws, tmp_path / "r.html", ["champion"])
    assert [model["name"] for model in document["models"]] == ["champion"]
    assert document["neighbors"]["model"] == "champion"
    assert "retrain" in document["lineage"][-1]["command"]


def test_the_same_bytes_again(ws, made, tmp_path):
    report(ws, tmp_path / "again.html", [MODELS])
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == made[1]


def test_dense_examples_and_a_dataset_without_models(tmp_path, interpreted_kernels):
    ws = annotation(tmp_path / "w")
    document = report(ws, tmp_path / "none.html")
    assert document["models"] == []
    assert document["evaluation"] is None
    assert "There is no model yet" in (tmp_path / "none.html").read_text()
    train(ws, TrainSettings(dim=2, epochs=1, affinity="sigmoid"), name="s", threads=1)
    document = report(ws, tmp_path / "r.html", settings=ReportSettings(at=(1, 2)))
    page = Page((tmp_path / "r.html").read_text())
    assert not page.wrong
    assert len(document["map"]["points"]) == 3
    assert document["examples"][0]["explained"][0]["labels"]
    assert "examples per label" in "".join(page.text)


def test_nothing_held_out(tmp_path, interpreted_kernels):
    rows = {"person": list("aabbccdd"), "item": list("xyyzzxxy")}
    pq.write_table(pa.table(rows), tmp_path / "rows.parquet")
    ws = Workspace(tmp_path / "w")
    settings = PrepareSettings(user="person", item="item", valid_fraction=0.0, test_fraction=0.0)
    prepare(ws, [str(tmp_path / "rows.parquet")], settings)
    train(ws, TrainSettings(dim=2, epochs=1), name="wsabie", threads=1)
    document = report(ws, tmp_path / "r.html")
    assert document["evaluation"] is None
    assert "nothing is held out: no model can be judged" in document["warnings"]


def test_queries_and_documents(tmp_path, interpreted_kernels):
    folder = tmp_path
    (folder / "queries.csv").write_text("id,text\n" + "".join(f"q{i},red apple {i % 3}\n" for i in range(12)))
    (folder / "documents.csv").write_text("id,text\n" + "".join(f"d{i},apple {i} red\n" for i in range(5)))
    (folder / "pairs.csv").write_text("query,document\n" + "".join(f"q{i},d{i % 5}\n" for i in range(12)))
    where = ["-w", str(folder / "w")]
    options = ["--queries", "queries.csv", "--documents", "documents.csv", "--relevance", "pairs.csv"]
    options = [str(folder / one) if one.endswith(".csv") else one for one in options]
    assert main([*where, "prepare", *options, "--test-fraction", "0.3"]) == 0
    assert main([*where, "train", "--name", "wsabie", "--dim", "2", "--epochs", "1"]) == 0
    assert main([*where, "report", "-o", str(folder / "r.html")]) == 0
    page = Page((folder / "r.html").read_text())
    assert not page.wrong
    assert "documents by frequency" in "".join(page.text)


# Figures as files.


@pytest.mark.parametrize(
    "figure", [figure for figure in FIGURES if figure != SEARCH]
)  # that is in test_tune.py
def test_every_figure_as_png_and_svg(ws, tmp_path, figure):
    for suffix in ("png", "svg"):
        output = tmp_path / f"figure.{suffix}"
        assert run(ws, "plot", figure, "--model", MODELS, "-o", str(output)) == 0
        content = output.read_bytes()
        if suffix == "svg":
            root = ET.fromstring(content)
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            assert b"#0102" not in content, "a colour of the page"
        else:
            assert content.startswith(b"\x89PNG\r\n\x1a\n")
            width = int.from_bytes(content[16:20])
            assert width == pytest.approx(4.6 * 200, abs=2)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_baseline_has_no_curves(ws, tmp_path, capsys):
    assert run(ws, "plot", "learning-curves", "--model", "popularity", "-o", str(tmp_path / "f.png")) == 66
    assert "popularity" in capsys.readouterr().err
    assert run(ws, "plot", "label-map", "--model", "nmf", "-o", str(tmp_path / "f.png")) == 66
    assert list(tmp_path.iterdir()) == []


def test_the_plane_of_greatest_variance():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 6)).astype(np.float32)
    places, shares = principal_plane(rows)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    centred = unit - unit.mean(axis=0)
    values = np.sort(np.linalg.eigvalsh(centred.T @ centred))[::-1]
    assert shares == pytest.approx(list(values[:2] / values.sum()), rel=1e-5)
    assert (places**2).sum(axis=0) == pytest.approx(values[:2], rel=1e-5)
    assert places.mean(axis=0) == pytest.approx([0, 0], abs=1e-6)
    assert principal_plane(rows * 5)[0] == pytest.approx(places, rel=1e-4, abs=1e-6), "by direction alone"
    places, shares = principal_plane(np.zeros((3, 1), np.float32))
    assert not places.any()
    assert shares == [0.0, 0.0]


# What cannot be.

REFUSED = {
    "unknown model": (66, ["report", "-m", "wsabi", "-o", "r.html"], "did you mean 'wsabie'"),
    "baseline that is not there": (66, ["report", "-m", "ease", "-o", "r.html"], "train-baseline ease"),
    "unknown label": (66, ["report", "-m", "awe", "-l", "i99", "-o", "r.html"], "no label 'i99'"),
    "unknown id": (66, ["report", "-m", "awe", "--id", "p99", "-o", "r.html"], "p99"),
    "no space": (78, ["report", "-m", "nmf", "-l", "i7", "-o", "r.html"], "--label"),
    "a folder": (73, ["report", "-m", "awe", "-o", "."], "it is a folder"),
    "no such folder": (73, ["report", "-m", "awe", "-o", "no/r.html"], "there is no folder"),
    "unknown figure": (2, ["plot", "metric", "-o", "f.png"], "did you mean 'metrics'"),
    "unknown format": (2, ["plot", "metrics", "-o", "f.jpg"], ".png or .svg"),
    "unknown split": (78, ["report", "--split", "tset", "-o", "r.html"], "did you mean 'test'"),
    "a map of two": (78, ["report", "--map-labels", "2", "-o", "r.html"], "at least 3"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_one_clear_message_and_nothing_written(ws, tmp_path, monkeypatch, capsys, case):
    monkeypatch.chdir(tmp_path)
    code, arguments, words = REFUSED[case]
    assert run(ws, *arguments) == code
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_report_stays_where_a_new_one_fails(ws, tmp_path):
    output = tmp_path / "r.html"
    output.write_text("before")
    assert run(ws, "report", "-m", "awe", "--id", "nobody", "-o", str(output)) == 66
    assert output.read_text() == "before"
    assert os.listdir(tmp_path) == ["r.html"]


def test_no_dataset(tmp_path, capsys):
    assert main(["-w", str(tmp_path / "none"), "report", "-o", str(tmp_path / "r.html")]) == 66
    assert "prepare FILE" in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()


def test_without_matplotlib_the_install_line_is_named(ws, tmp_path, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "matplotlib" else find(name, *a)
    )
    for command in (["report", "-o", "r.html"], ["plot", "metrics", "-o", "f.png"]):
        monkeypatch.chdir(tmp_path)
        assert run(ws, *command) == 66
        assert REPORT_INSTALL in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# In a browser: that of CHROME_PATH, started with the words of CHROME_ARGS, or the one that playwright installed.

MEASURE = """() => {
  const page = document.documentElement;
  return {
    width: page.scrollWidth,
    paper: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.querySelector("svg text")).fill,
    figures: [...document.querySelectorAll("svg")].map(one => one.getBoundingClientRect().width),
    sections: [...document.querySelectorAll("section")].map(one => one.id),
    wide: [...document.querySelectorAll(".scroll")].filter(one => one.scrollWidth > one.clientWidth).length,
    outside: [...document.querySelectorAll("p, h1, h2, h3, h4, li, summary, figure, .table, .bars, pre")]
      .filter(one => one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80)),
    small: [...document.querySelectorAll("nav a, summary")]
      .filter(one => one.getBoundingClientRect().height < 24).length,
  };
}"""


@pytest.fixture
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs a browser: pip install playwright")
    with sync_api.sync_playwright() as started:
        options = {
            "executable_path": os.environ.get("CHROME_PATH"),
            "args": os.environ.get("CHROME_ARGS", "").split(),
        }
        try:
            opened = started.chromium.launch(**options)
        except sync_api.Error as error:
            pytest.skip(f"no browser: {str(error).splitlines()[0]} (CHROME_PATH names one)")
        yield opened
        opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 375, 1280])
def test_in_a_browser(made, browser, tmp_path, width, scheme):
    output = tmp_path / "report.html"
    output.write_text(made[1], encoding="utf-8")
    view = browser.new_context(
        viewport={"width": width, "height": 780},
        is_mobile=width < 600,
        color_scheme=scheme,
        java_script_enabled=True,
    )
    page, asked, said = view.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(output.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    found = page.evaluate(MEASURE)
    view.close()
    assert asked == [output.as_uri()]
    assert said == []
    assert found["sections"] == SECTIONS
    assert found["width"] == width, "the page is as wide as the screen"
    assert found["outside"] == []
    assert found["small"] == 0, "what is pressed is large enough for a finger"
    assert all(200 < one <= width for one in found["figures"])
    assert found["wide"] > 0 or width > 600, "wide tables scroll inside themselves"
    dark = scheme == "dark"
    assert found["paper"] == ("rgb(20, 23, 28)" if dark else "rgb(255, 255, 255)")
    lightness = sum(map(int, re.findall("[0-9]+", found["ink"])[:3])) / 3
    assert lightness > 128 if dark else lightness < 128
