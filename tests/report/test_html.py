"""The HTML report: what it says, and that it needs nothing but itself."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from rl_transfer.analysis import write_results
from rl_transfer.errors import RLTransferError
from rl_transfer.report import write_html
from rl_transfer.report.wording import contrast, p_text

GRID = tuple(range(0, 20481, 2048))
REFERENCES = {"src", "srcset", "data", "poster", "action", "href", "xlink:href", "clip-path"}


class Page(HTMLParser):
    """Collects what a test asks about a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.cells: list[str] = []
        self._in_cell = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.references += [value for name, value in attrs if name in REFERENCES]
        if tag == "td":
            self._in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag):
        self._in_cell = self._in_cell and tag != "td"

    def handle_data(self, data):
        if self._in_cell:
            self.cells[-1] += data


def html(build, **settings) -> str:
    store, results = build(events=False, **settings)
    path = write_html(store, results)
    assert path == store / "studies" / results.data.manifest.name / "report.html"
    return path.read_text(encoding="utf-8")


def test_it_needs_nothing_else(build):
    text = html(build)
    assert "http" not in text
    assert "//" not in text
    assert "@import" not in text
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "image"} & set(page.tags)
    inside = {reference.removeprefix("url(").rstrip(")") for reference in page.references}
    assert all(reference.startswith("#") for reference in inside)
    assert {reference[1:] for reference in inside} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.slow
def test_same_data_same_bytes(build):
    store, results = build(events=False)
    here = write_html(store, results).read_bytes()
    script = (
        "import sys; from pathlib import Path; from rl_transfer.analysis import write_results\n"
        "from rl_transfer.report import write_html\n"
        "write_html(Path(sys.argv[1]), write_results(Path(sys.argv[1]), 'quick'))\n"
    )
    path = store / "studies/quick/report.html"
    path.unlink()
    environment = os.environ | {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", script, store], check=True, env=environment, cwd=store)
    assert path.read_bytes() == here


def test_it_states_every_verdict(build):
    store, results = build(events=False)
    text = write_html(store, results).read_text()
    assert text.index("faster than scratch") < text.index("<table")
    cells = Page(text).cells
    for comparison in results.comparisons:
        assert f"{comparison.difference:+.3f}" in cells
        assert f"{comparison.interval.low:+.3f} to {comparison.interval.high:+.3f}" in cells
        assert any(comparison.verdict in cell for cell in cells)


def test_a_changed_curve_changes_numbers_and_figures(build):
    store, results = build(events=False)
    before = write_html(store, results).read_text()
    changed = next((store / "runs/cartpole_reversed/scratch").glob("seed0-*")) / "curve.csv"
    header, *rows = changed.read_text().splitlines()
    changed.write_text("\n".join([header, *(re.sub(r"^(\d+,\d+),[\d.]+,", r"\1,77.0,", row) for row in rows)]))
    results = write_results(store, "quick")
    after = write_html(store, results).read_text()
    scratch = np.stack([run.score_T for run in results.data.pairs[1].of_arm("scratch")])
    number = f"{np.trapezoid(scratch.mean(axis=0), GRID) / GRID[-1]:.3f}"
    assert number in Page(after).cells
    assert number not in Page(before).cells
    parts = zip(before.split("<svg")[1:], after.split("<svg")[1:], strict=True)
    assert [old.split("</svg>")[0] == new.split("</svg>")[0] for old, new in parts] == [False, False, True, False]


def test_hostile_texts_stay_texts(build):
    evil = "<script>alert(1)</script>&amp;\"'--> $x^$"
    text = html(build, description=evil, pairs={"</svg><script>p": {"scratch": 150.0, "$a_": 300.0}}, arms={"$a_": {}})
    assert "script" not in Page(text).tags
    assert "&lt;script&gt;alert(1)" in text


def test_missing_and_failed_runs(build):
    text = html(
        build,
        left_out=("cartpole_reversed/fine_tune.placebo/seed3", "cartpole_reversed/source/seed1"),
        outcomes={"cartpole_heavy_pole/fine_tune/seed1": "diverged"},
    )
    cells = Page(text).cells
    assert "38 of 40 runs finished" in text
    assert "diverged" in cells
    assert "weights are not finite" in cells
    assert cells.count("missing") == 2
    assert "4 of 5" in cells
    assert "runs of fine_tune.placebo are missing" in text


def test_nothing_has_run_yet(build):
    left_out = tuple(f"pair/{arm}/seed{seed}" for arm in ("source", "scratch", "arm") for seed in range(2))
    text = html(build, pairs={"pair": {"scratch": 1.0, "arm": 2.0}}, arms={"arm": {}}, seeds=2, left_out=left_out)
    assert "0 of 6 runs finished" in text
    assert "No run has finished yet." in text


@pytest.mark.slow
def test_a_source_below_its_threshold_is_named(build):
    store, results = build(events=False)
    below = sum(s.return_T[-1] < 400 for pair in results.data.pairs for s in pair.sources)
    assert Page(write_html(store, results).read_text()).cells.count("no: missed") == below
    failed = html(build, outcomes={"cartpole_reversed/source/seed2": "environment_failed"})
    assert "Sources that ended below their threshold: cartpole_reversed 1 of 5" in failed
    assert "no: environment failed" in Page(failed).cells


@pytest.mark.slow
def test_p_over_the_study_is_shown_where_there_are_several_cells(build):
    store, results = build(events=False)
    text = write_html(store, results).read_text()
    assert "Holm" in text
    assert '<th class="number">p over the study</th>' in text
    cells = Page(text).cells
    start = cells.index("vs scratch (total)")
    assert cells[start + 5 : start + 7] == [p_text(results.comparisons[0].p), p_text(results.comparisons[0].p_study)]
    levels = {"scratch": 150.0, "arm": 300.0}
    alone = html(build, pairs={"pair": levels}, arms={"arm": {"placebo": False}})
    assert "Holm" not in alone
    assert "over the study" not in alone


def test_effect_and_transfer_ratio_are_shown(build):
    store, results = build(events=False)
    cells = Page(write_html(store, results).read_text()).cells
    for comparison in results.comparisons:
        place = cells.index(f"{comparison.effect:+.2f}")
        assert cells[place - 1] == contrast(comparison)
        assert cells[place + 1] == f"{comparison.transfer_ratio:+.2f}"


def test_effect_and_transfer_ratio_are_left_open_where_runs_are_missing(build):
    cells = Page(html(build, left_out=("cartpole_reversed/fine_tune.placebo/seed3",))).cells
    assert ["vs placebo (knowledge)", "-", "-"] in [cells[place : place + 3] for place in range(len(cells))]


@pytest.mark.slow
def test_a_shared_checkpoint_is_said(build):
    store, results = build(events=False)
    assert "conditional on this checkpoint" not in write_html(store, results).read_text()
    path = store / "studies/quick/study.json"
    study = json.loads(path.read_text())
    for run in study["pairs"]["cartpole_reversed"]["runs"]:
        if "source_path" in run:
            run["source_path"] = "runs/cartpole_reversed/source/seed0"
    path.write_text(json.dumps(study))
    results = write_results(store, "quick")
    text = write_html(store, results).read_text()
    warnings = re.findall(r"all runs of (\S+) start from one source run\. Its verdicts are conditional on this", text)
    assert warnings == ["fine_tune", "fine_tune.placebo"]
    assert [comparison.conditional for comparison in results.comparisons] == [False] * 3 + [True] * 3
    for comparison in results.comparisons:
        assert comparison.text.endswith("; conditional on this checkpoint.") == comparison.conditional
    words = {pair: results.words[pair]["fine_tune"] for pair in results.words}
    assert words["cartpole_reversed"].endswith("; conditional on this checkpoint")
    assert "conditional" not in words["cartpole_heavy_pole"]
    assert text.count("conditional on this checkpoint: all runs of the arm start from one source agent") == 1


@pytest.mark.slow
def test_many_arms_and_one_pair(build):
    levels = {"scratch": 100.0} | {f"arm{index}": 100.0 + 20 * index for index in range(9)}
    text = html(build, pairs={"pair": levels}, arms={f"arm{index}": {"placebo": False} for index in range(9)})
    assert "0.05 / 9 = 0.00556" in text
    assert text.count("<svg") == 10


def test_sixty_runs_are_rebuilt_in_two_seconds(build):
    levels = {"scratch": 150.0, "a": 300.0, "a.placebo": 200.0, "b": 100.0, "b.placebo": 160.0}
    store, results = build(events=False, pairs={"one": levels, "two": levels}, arms={"a": {}, "b": {}})
    assert sum(len(pair.runs) + len(pair.sources) for pair in results.data.pairs) == 60
    write_html(store, results)
    start = time.process_time()
    write_html(store, results)
    assert time.process_time() - start < 2.0


def test_a_study_from_elsewhere_stays_in_its_folder(build):
    store, results = build(events=False)
    manifest = results.data.manifest.model_copy(update={"name": "../../outside"})
    hostile = replace(results, data=replace(results.data, manifest=manifest))
    with pytest.raises(RLTransferError, match="folder"):
        write_html(store, hostile)


def test_neither_torch_nor_the_engine_is_imported():
    script = (
        "import sys, rl_transfer.report as report\n"
        "assert not {'rich', 'matplotlib', 'tensorboard', 'jinja2'} & set(sys.modules)\n"
        "[getattr(report, name) for name in report.__all__]\n"
        "upper = ('execute', 'run', 'learner', 'methods', 'knowledge', 'tasks')\n"
        "upper = {f'rl_transfer.{room}' for room in upper}\n"
        "print({'torch', 'stable_baselines3', 'gymnasium', *upper} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_unknown_names_are_attribute_errors():
    import rl_transfer.report as report

    with pytest.raises(AttributeError, match="no_such_thing"):
        report.no_such_thing  # noqa: B018


class TestWhatWasCarried:
    TABLE = (
        "tensor,role,from_shape,to_shape,fate,frozen,why\n0.weight,policy_body,64x4,64x6,resized,until 500,<laid out>\n"
    )

    def test_the_first_run_of_each_arm_shows_its_table(self, build):
        store, results = build()
        runs = [run for run in results.data.pairs[0].runs if run.arm == "fine_tune"]
        for run in runs:
            (store / run.path / "transfer.csv").write_text(self.TABLE.replace("500", str(run.seed)))
        html = write_html(store, results).read_text()
        assert f"{results.data.pairs[0].name}: fine_tune, seed {runs[0].seed}" in html
        assert "until 0" in html and "until 1" not in html
        assert "&lt;laid out&gt;" in html and "64x6" in html

    def test_without_tables_there_is_no_section(self, build):
        store, results = build()
        assert "What was carried" not in write_html(store, results).read_text()

    @pytest.mark.parametrize("content", [b"", b"a,b\n1\n", b"\xff\xfe"])
    def test_a_damaged_table_is_named(self, content, build):
        store, results = build()
        path = store / next(run for run in results.data.pairs[0].runs if run.arm == "fine_tune").path / "transfer.csv"
        path.write_bytes(content)
        with pytest.raises(RLTransferError, match=r"transfer\.csv"):
            write_html(store, results)
