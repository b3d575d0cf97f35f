"""The HTML report: what it says, and that it needs nothing but itself."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from rl_transfer.analysis import write_results
from rl_transfer.errors import RLTransferError, StoreError
from rl_transfer.report import write_html
from rl_transfer.report.curve_figures import curves, curves_of
from rl_transfer.report.gallery import Gallery
from rl_transfer.report.wording import contrast, p_text

GRID = tuple(range(0, 20481, 2048))
REFERENCES = {"src", "srcset", "data", "poster", "action", "href", "xlink:href", "clip-path"}


class Page(HTMLParser):
    """Collects what a test asks about a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.cells: list[str] = []
        self.scripts: list[str] = []
        self._within = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        self.references += [value for name, value in attrs if name in REFERENCES]
        if tag in ("td", "script"):
            self._within = tag
            {"td": self.cells, "script": self.scripts}[tag].append("")

    def handle_endtag(self, tag):
        self._within = "" if tag in ("td", "script") else self._within

    def handle_data(self, data):
        if self._within:
            {"td": self.cells, "script": self.scripts}[self._within][-1] += data


def html(build, **settings) -> str:
    store, results = build(events=False, **settings)
    path = write_html(store, results)
    assert path == store / "studies" / results.data.manifest.name / "report.html"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def report(built):
    """The report of the default study, for tests that only read it, and the study's results."""
    return write_html(*built), built[1]


def test_it_needs_nothing_else(report):
    text = report[0].read_text()
    assert "http" not in text
    assert "//" not in text
    assert "@import" not in text
    page = Page(text)
    assert not {"link", "img", "iframe", "object", "image"} & set(page.tags)
    inside = {reference.removeprefix("url(").rstrip(")") for reference in page.references}
    assert {reference[1:] for reference in inside if reference.startswith("#")} <= set(page.ids)
    links = {attributes.get("href") for tag, attributes in page.attributes if tag == "a"}
    assert all(reference in links for reference in inside if not reference.startswith("#"))
    assert len(page.ids) == len(set(page.ids))


def test_every_figure_is_a_file_with_its_data(report):
    page, results = report
    linked = {link for link in Page(page.read_text()).references if link.startswith("figures/")}
    assert linked == {f"figures/{file.name}" for file in (page.parent / "figures").iterdir()}
    assert {Path(link).suffix for link in linked} == {".svg", ".csv"}
    for link in linked:
        if link.endswith(".svg"):
            assert ElementTree.parse(page.parent / link).getroot().tag.endswith("svg")
    with (page.parent / "figures/curves_cartpole_reversed.csv").open() as file:
        rows = list(csv.DictReader(file))
    run = results.data.pairs[1].of_arm("fine_tune")[2]
    found = [float(row["score"]) for row in rows if (row["arm"], row["series"]) == ("fine_tune", "seed 2")]
    assert found == run.score_T.tolist()
    mean = [float(row["score"]) for row in rows if (row["arm"], row["series"]) == ("fine_tune", "mean")]
    assert mean == pytest.approx(np.mean([one.score_T for one in results.data.pairs[1].of_arm("fine_tune")], axis=0))


def test_figures_of_an_earlier_report_are_removed(tmp_path):
    figures = tmp_path / "figures"
    figures.mkdir()
    (figures / "curves_gone.svg").write_text("<svg/>")
    (figures / "mine.txt").write_text("kept")
    gallery = Gallery(tmp_path)
    gallery.add("one", Figure(), ["a"], [])
    gallery.close()
    assert {file.name for file in figures.iterdir()} == {"one.svg", "one.csv", "mine.txt"}


def test_what_is_in_the_way_of_a_figure_is_named(tmp_path):
    (tmp_path / "figures").write_text("in the way")
    with pytest.raises(StoreError, match="figures"):
        Gallery(tmp_path).add("one", Figure(), ["a"], [])


def test_curves_that_coincide_are_marked_in_turn(built):
    pair = built[1].data.pairs[0]
    one, other = (replace(curves_of(pair, ["fine_tune", "b"])[1], marker=marker) for marker in "os")
    axes = curves(pair, [replace(one, marker=""), one, other, replace(other, shown=False)]).axes[0]
    marks = [line.get_markevery() for line in axes.lines if str(line.get_gid()).startswith("curve-")]
    assert marks[1:] == [(0, 2), (1, 2), (0, 2)]


def test_names_that_look_alike_get_files_of_their_own(tmp_path):
    gallery = Gallery(tmp_path)
    files = [gallery.add(name, Figure(), ["a"], [[1]]).file for name in ("../a b", "a/b", "A-B", "é", "")]
    gallery.close()
    assert files == [f"figures/{name}" for name in ("a-b", "a-b-2", "A-B-3", "figure", "figure-2")]
    assert {file.stem for file in (tmp_path / "figures").iterdir()} == {Path(file).name for file in files}


def test_sections_come_in_order_and_are_listed(report):
    page = Page(report[0].read_text())
    sections = [attributes.get("id") for tag, attributes in page.attributes if tag == "section"]
    expected = ["verdict", "differences", "curves", "effects", "numbers", "arms", "together", "costs"]
    assert sections == [*expected, "sources", "error-rate", "settings"]
    assert [link[1:] for link in page.references if link.startswith("#")][1 : len(sections) + 1] == sections


def test_curves_can_be_chosen_and_read(report):
    results = report[1]
    page = Page(report[0].read_text())
    boxes = [attributes for tag, attributes in page.attributes if tag == "input"]
    assert all(box["type"] == "checkbox" and "checked" in box for box in boxes)
    assert [box.get("data-curve") or box.get("data-part") for box in boxes] == 2 * ["0", "1", "2", "band", "runs"]
    classes = [attributes.get("class", "").split() for tag, attributes in page.attributes if tag == "g"]
    assert all([f"curve-{place}", part] in classes for place in range(3) for part in ("mean", "band", "runs"))
    values = json.loads(page.scripts[1])
    assert values["steps"] == list(GRID)
    fine_tune = np.mean([run.score_T for run in results.data.pairs[1].of_arm("fine_tune")], axis=0)
    assert values["curves"][1]["mean"] == pytest.approx(fine_tune, abs=6e-4)
    low, high = values["curves"][1]["band"]
    assert all(one <= mean <= other for one, mean, other in zip(low, values["curves"][1]["mean"], high, strict=True))


@pytest.mark.slow
def test_same_data_same_bytes(build):
    store, results = build(events=False)
    here = write_html(store, results).read_bytes()
    script = (
        "import sys; from pathlib import Path; from rl_transfer.analysis import write_results\n"
        "from rl_transfer.report import write_html\n"
        "write_html(Path(sys.argv[1]), write_results(Path(sys.argv[1]), 'quick'))\n"
        "assert not {'torch', 'stable_baselines3'} & set(sys.modules)\n"
    )
    path = store / "studies/quick/report.html"
    path.unlink()
    environment = os.environ | {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", script, store], check=True, env=environment, cwd=store)
    assert path.read_bytes() == here


def test_it_states_every_verdict(report):
    text, results = report[0].read_text(), report[1]
    assert text.index("faster than scratch") < text.index("<table")
    cells = Page(text).cells
    for comparison in results.comparisons:
        assert f"{comparison.difference:+.3f}" in cells
        assert f"{comparison.interval.low:+.3f} to {comparison.interval.high:+.3f}" in cells
        assert any(comparison.verdict in cell for cell in cells)


def svgs(html: str) -> list[str]:
    """The figures of a page, without the swatches of legends."""
    return [svg.split("</svg>")[0] for svg in html.split("<svg")[1:] if "swatch" not in svg[:20]]


@pytest.mark.slow
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
    same = [one == other for one, other in zip(svgs(before), svgs(after), strict=True)]
    assert same == [
        False,
        True,
        False,
        False,
        False,
        False,
    ]  # forest, curves of both pairs, effects, milestones, profile


HOSTILE = "<script>alert(1)</script>&amp;\"'--> $x^$ |`**a**` </svg> javascript:alert(1)"


def test_hostile_texts_stay_texts(build):
    pair = '</svg></script><script>p" onload="alert(1)'
    store, results = build(
        events=False, description=HOSTILE, pairs={"a": {"scratch": 150.0, "$a_": 300.0}}, arms={"$a_": {}}
    )
    manifest = results.data.manifest
    named = manifest.model_copy(update={"pairs": {pair: manifest.pairs["a"]}})
    data = replace(results.data, manifest=named, pairs=(replace(results.data.pairs[0], name=pair),))
    comparisons = tuple(replace(one, pair=pair) for one in results.comparisons)
    report = write_html(store, replace(results, data=data, comparisons=comparisons, words={pair: results.words["a"]}))
    text = report.read_text()
    page = Page(text)
    assert page.tags.count("script") == 2
    assert json.loads(page.scripts[0])["curves"][1]["arm"] == "$a_"
    assert "alert" not in "".join(page.scripts)
    assert not any(name.startswith("on") for _, attributes in page.attributes for name in attributes)
    assert not any(reference.startswith("javascript") for reference in page.references)
    assert "&lt;script&gt;alert(1)" in text
    for file in (report.parent / "figures").iterdir():
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", file.name)
        if file.suffix == ".svg":
            assert "script" not in {element.tag.rpartition("}")[2] for element in ElementTree.parse(file).iter()}
    short = (report.parent / "report.md").read_text()
    assert "<script" not in short and "</svg" not in short
    assert "\\|\\`\\*\\*a" in short


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


def test_a_run_that_several_arms_use_counts_once(build):
    """References are shared by all arms whose methods ask for them."""
    store, results = build(events=False, pairs={"pair": {"scratch": 1.0, "arm": 2.0}}, arms={"arm": {}}, seeds=2)
    (pair,) = results.data.pairs
    reference = replace(pair.sources[0], path="runs/reference/seed0", outcome="diverged")
    planned = pair.entry.runs[0].model_copy(update={"path": "runs/reference/seed1"})
    arms = ("arm.reference", "other.reference")
    pair = replace(
        pair,
        references=tuple(replace(reference, arm=arm) for arm in arms),
        missing=tuple(planned.model_copy(update={"arm": arm}) for arm in arms),
    )
    page = write_html(store, replace(results, data=replace(results.data, pairs=(pair,))))
    assert "7 of 8 runs finished" in page.read_text()
    short = page.with_name("report.md").read_text()
    assert "7 of 8 runs finished" in short
    assert "2 runs failed or missing" in short


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


def test_effect_and_transfer_ratio_are_shown(report):
    cells, results = Page(report[0].read_text()).cells, report[1]
    for comparison in results.comparisons:
        place = cells.index(f"{comparison.effect:+.2f}")
        assert cells[place - 1] == contrast(comparison)
        assert cells[place + 1] == f"{comparison.transfer_ratio:+.2f}"


@pytest.mark.slow
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
    assert len(svgs(text)) == 3
    assert text.count("<input") == 10 + 2


@pytest.mark.slow
def test_the_page_of_two_hundred_runs_is_written_again_in_two_seconds(build):
    levels = {"scratch": 150.0, "a": 300.0, "a.placebo": 200.0, "b": 100.0, "b.placebo": 160.0}
    store, results = build(events=False, pairs={"one": levels, "two": levels}, arms={"a": {}, "b": {}}, seeds=17)
    assert sum(len(pair.finished) for pair in results.data.pairs) == 204
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


@pytest.mark.slow
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

    @pytest.mark.slow
    def test_the_first_run_of_each_arm_shows_its_table(self, build):
        store, results = build()
        runs = [run for run in results.data.pairs[0].runs if run.arm == "fine_tune"]
        for run in runs:
            (store / run.path / "transfer.csv").write_text(self.TABLE.replace("500", str(run.seed)))
        html = write_html(store, results).read_text()
        assert f"{results.data.pairs[0].name}: fine_tune, seed {runs[0].seed}" in html
        assert "until 0" in html and "until 1" not in html
        assert "&lt;laid out&gt;" in html and "64x6" in html

    @pytest.mark.slow
    def test_without_tables_there_is_no_section(self, build):
        store, results = build()
        assert "What was carried" not in write_html(store, results).read_text()

    @pytest.mark.slow
    @pytest.mark.parametrize("content", [b"", b"a,b\n1\n", b"\xff\xfe"])
    def test_a_damaged_table_is_named(self, content, build):
        store, results = build()
        path = store / next(run for run in results.data.pairs[0].runs if run.arm == "fine_tune").path / "transfer.csv"
        path.write_bytes(content)
        with pytest.raises(RLTransferError, match=r"transfer\.csv"):
            write_html(store, results)


def probed(report, folder: Path, probe: str, *options: str) -> list[str]:
    """What a script at the end of the page says in a browser: it sets the title to texts joined by "|"."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("there is no Chromium to open the page in")
    page = folder / "probed.html"
    page.write_text(report.read_text().replace("</body>", f"<script>{probe}</script></body>"))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile", *options]
    command += ["--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return re.search(r"<title>(.*?)</title>", done.stdout).group(1).split("|")


@pytest.mark.slow
def test_figures_fit_a_narrow_page(report, tmp_path):
    probe = """
    const wide = [...document.querySelectorAll(".figure")].filter((box) => box.scrollWidth > box.clientWidth);
    document.title = [innerWidth, document.querySelectorAll(".figure").length, wide.length].join("|");
    """
    assert probed(report[0], tmp_path, probe, "--window-size=500,900") == ["500", "6", "0"]


@pytest.mark.slow
def test_an_unticked_arm_vanishes_and_arrow_keys_read_values(report, tmp_path):
    probe = """
    const box = document.querySelector(".curves"), line = box.querySelector(".curve-1.mean");
    const seen = () => getComputedStyle(line).display;
    const before = seen();
    box.querySelector('[data-curve="1"]').click();
    const after = seen();
    const figure = box.querySelector(".figure");
    figure.focus();
    figure.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
    document.title = ["probe", before, after, box.querySelector(".readout").textContent].join("|");
    """
    results = report[1]
    _, before, after, text = probed(report[0], tmp_path, probe)
    assert (before, after) == ("inline", "none")
    mean = np.mean([run.score_T[-1] for run in results.data.pairs[0].of_arm("scratch")])
    assert text.startswith("step 20,480")
    assert f"{mean:.3f} scratch" in text
    assert " fine_tune (" not in text
