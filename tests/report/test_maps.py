"""The figures over many pairs: a ladder's points stand at their distances, a matrix's cells at their tasks."""

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from rl_transfer.analysis import write_results
from rl_transfer.report import write_html
from rl_transfer.report.maps import ladder_figures, matrix_figures

NAMES = ["pole_1", "pole_2", "pole_4"]


def lines_at(axes, x):
    return [line for line in axes.lines if len(line.get_xdata()) == 1 and abs(float(line.get_xdata()[0]) - x) < 0.2]


@pytest.fixture
def variants(build):
    """A study of three pairs, with the places of all that are given."""

    def variants(places):
        levels = [{"scratch": 150.0, "fine_tune": level, "fine_tune.placebo": 200.0} for level in (490.0, 200.0, 20.0)]
        store, results = build(pairs=dict(zip(NAMES, levels, strict=True)))
        file = store / "studies" / "quick" / "study.json"
        content = json.loads(file.read_text())
        for name, place in places.items():
            content["pairs"][name] |= place
        file.write_text(json.dumps(content))
        return store, write_results(store, results.data.manifest.name)

    return variants


def ladder(distances):
    return {
        name: {"rung": {"ladder": "pole", "label": "mass of the pole", "distance": distance}}
        for name, distance in zip(NAMES, distances, strict=True)
    }


@pytest.mark.slow
def test_a_ladder_shows_each_difference_at_its_distance(variants):
    _, results = variants(ladder([1.0, 2.0, 4.0]))
    ((name, figure),) = ladder_figures(results.data.manifest, results.comparisons)
    (axes,) = figure.axes
    assert name == "pole"
    assert axes.get_title(loc="left") == "fine_tune"
    assert axes.get_xlabel() == "mass of the pole"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2", "4"]
    for distance, pair in zip([1.0, 2.0, 4.0], NAMES, strict=True):
        expected = sorted(one.difference for one in results.comparisons if one.pair == pair)
        shown = sorted(float(line.get_ydata()[0]) for line in lines_at(axes, distance))
        assert shown == pytest.approx(expected)
    markers = {one.verdict: one.difference for one in results.comparisons if one.family == "total"}
    assert set(markers) >= {"positive", "negative"}
    shown = {line.get_marker(): float(line.get_ydata()[0]) for line in axes.lines if len(line.get_xdata()) == 1}
    assert {"^", "v"} <= shown.keys()


@pytest.mark.slow
def test_a_matrix_puts_sources_in_rows_and_targets_in_columns(variants):
    places = {
        name: {"cell": {"source": source, "target": target}}
        for name, (source, target) in zip(NAMES, [("a", "b"), ("b", "a"), ("a", "c")], strict=True)
    }
    _, results = variants(places)
    ((arm, figure),) = matrix_figures(results.data.manifest, results.comparisons)
    (axes,) = figure.axes
    assert arm == "fine_tune"
    columns, rows = ([tick.get_text() for tick in ticks] for ticks in (axes.get_xticklabels(), axes.get_yticklabels()))
    assert columns == rows
    shown = np.ma.filled(axes.images[0].get_array().astype(float), np.nan)
    totals = {one.pair: one for one in results.comparisons if one.family == "total"}
    for name, place in places.items():
        row, column = rows.index(place["cell"]["source"]), columns.index(place["cell"]["target"])
        assert shown[row, column] == pytest.approx(totals[name].difference)
        (text,) = [text for text in axes.texts if text.get_position() == (column, row)]
        sign = {"positive": "+", "negative": "\N{MINUS SIGN}", "inconclusive": "?", "equivalent": "="}
        assert text.get_text() == f"{totals[name].difference:+.2f}\n{sign[totals[name].verdict]}"
    assert np.isnan(shown).sum() == 6


@pytest.mark.slow
def test_the_report_shows_them_and_leaves_them_as_files(variants):
    places = ladder([0.0, 0.5, 1.0])
    places["pole_4"] = {"cell": {"source": "a", "target": "b"}}
    store, results = variants(places)
    page = write_html(store, results)
    html = page.read_text()
    assert "Over the distance of the source" in html and "Every source for every target" in html
    for file in ("figures/ladder_pole.svg", "figures/matrix_fine_tune.svg"):
        assert ElementTree.parse(page.parent / file).getroot().tag.endswith("svg")
        assert file in html
    again = (page.parent / "figures/ladder_pole.svg").read_bytes()
    write_html(store, results)
    assert (page.parent / "figures/ladder_pole.svg").read_bytes() == again


@pytest.mark.slow
def test_a_study_without_variants_shows_neither(build):
    store, results = build()
    html = write_html(store, results).read_text()
    assert "Over the distance" not in html and "Every source" not in html
    names = {file.stem for file in (store / "studies" / "quick" / "figures").iterdir()}
    assert not any(name.startswith(("ladder", "matrix")) for name in names)
