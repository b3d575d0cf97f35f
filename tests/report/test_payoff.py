"""What arms cost and give back is in the report, with the numbers of the runs."""

import json
from html import unescape

import pytest

from rl_transfer.analysis import write_results
from rl_transfer.report import write_html
from rl_transfer.report.sheets import costs_sheet

ARMS = {
    "helps": {"scratch": 150, "fine_tune": 600, "fine_tune.placebo": 150},
    "does_nothing": {"scratch": 150, "fine_tune": 150, "fine_tune.placebo": 150},
}
HELPS = {"helps": ARMS["helps"]}


def page(build, *, pairs=ARMS, retained=None, retaining=("fine_tune",), change=None, **settings):
    """A study's report.

    Args:
        build: Builds the study.
        pairs: Its pairs.
        retained: What final agents of completed runs get back on the source task of the first pair, then one more.
        retaining: Whose agents.
        change: Changes a planned run's entry, and is given its folder.
        settings: Of the study.
    """
    store, results = build(pairs=pairs, **settings)
    file = store / f"studies/{results.data.manifest.name}/study.json"
    study = json.loads(file.read_text())
    for index, pair in enumerate(study["pairs"].values()):
        for run in pair["runs"]:
            folder = store / run["path"]
            if change is not None:
                change(run, folder)
            if retained is not None and run["arm"] in retaining and completed(folder):
                (folder / "retention.csv").write_text(f"episode,return\n0,{retained + index}\n")
    file.write_text(json.dumps(study))
    return write_html(store, write_results(store, results.data.manifest.name)).read_text()


def completed(folder):
    status = folder / "status.json"
    return status.exists() and json.loads(status.read_text())["outcome"] == "completed"


def row(html, heading, arm="fine_tune"):
    """The cells of an arm in the first table that has a heading."""
    table = html[html.index(f">{heading}<") :].partition("</table>")[0]
    line = next(line for line in table.splitlines() if f"<td>{arm}</td>" in line)
    cells = line.removesuffix("</td></tr>").removeprefix("<tr>").split("</td>")
    return [unescape(cell.partition(">")[2]) for cell in cells]


@pytest.mark.slow
def test_a_source_that_pays_off_and_one_that_does_not(build):
    html = page(build)
    assert "steps saved until the threshold" in html
    assert " targets (" in html
    assert "no saving is shown" in html
    assert row(html, "paid off after")[1] == "5 runs against 5 runs"


@pytest.mark.slow
def test_a_source_whose_training_is_not_known_is_not_called_untrained(build):
    def forget(run, folder):
        costs = json.loads((folder / "costs.json").read_text())
        if run["arm"].startswith("fine_tune"):
            del costs["source_steps"]
        (folder / "costs.json").write_text(json.dumps(costs))

    html = page(build, pairs=HELPS, change=forget)
    assert row(html, "paid off after")[-3:] == ["-", "-", "the source's steps are not known"]
    assert "no source was trained" not in html


def test_an_arm_with_missing_runs_says_so_instead_of_numbers(build):
    left_out = ("helps/fine_tune/seed3", "helps/fine_tune/seed4")
    html = page(build, pairs=HELPS, retained=77.25, left_out=left_out)
    missing = "2 of 5 runs of fine_tune are missing"
    assert row(html, "paid off after") == ["fine_tune", "3 runs against 5 runs", *["-"] * 4, missing]
    assert row(html, "final agents") == ["fine_tune", missing, *["-"] * 4]


@pytest.mark.slow
def test_runs_of_one_source_agent_are_conditional(build):
    def share(run, folder):
        if "source_path" in run:
            run["source_path"] = "runs/helps/source/seed0-" + first["key"]
        elif run["arm"] == "source" and run["seed"] == 0:
            first.update(run)

    first = {}
    html = page(build, pairs=HELPS, retained=77.25, change=share)
    assert row(html, "paid off after")[1] == "5 runs against 5 runs, conditional"
    assert row(html, "final agents")[1] == "5 of 5, conditional"


@pytest.mark.slow
def test_what_was_forgotten_is_shown_only_where_it_was_measured(build):
    assert "final agents" not in page(build)
    html = page(build, retained=77.25)
    assert "final agents" in html
    assert ">77.2<" in html
    assert ">78.2<" in html
    assert row(html, "final agents")[1] == "5 of 5"


@pytest.mark.slow
def test_agents_that_failed_are_counted_where_what_was_forgotten_is_told(build):
    outcomes = {f"helps/fine_tune/seed{seed}": "diverged" for seed in range(3)}
    html = page(build, pairs=HELPS, retained=77.25, outcomes=outcomes)
    assert row(html, "final agents")[1] == "2 of 5, 3 failed"
    assert "Agents of runs that failed could not be evaluated there" in html


@pytest.mark.slow
def test_a_placebo_had_nothing_to_forget(build):
    html = page(build, pairs=HELPS, retained=77.25, retaining=("fine_tune", "fine_tune.placebo"))
    table = html[html.index(">final agents<") :].partition("</table>")[0]
    assert "fine_tune" in table
    assert "placebo" not in table


@pytest.mark.slow
def test_a_source_of_unknown_training_is_no_source_of_zero_steps(build):
    store, results = build(pairs=ARMS)
    for run in results.data.pairs[0].of_arm("fine_tune"):
        file = store / run.path / "costs.json"
        costs = json.loads(file.read_text())
        del costs["source_steps"]
        file.write_text(json.dumps(costs))
    found = write_results(store, results.data.manifest.name)
    sheet = costs_sheet(found.data.pairs[0])
    place = sheet.columns.index("steps of its sources")
    assert {row[0]: row[place] for row in sheet.rows}["fine_tune"] == "-"
    assert {row[0]: row[place] for row in sheet.rows}["scratch"] == "0"
