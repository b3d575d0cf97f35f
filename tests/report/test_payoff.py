"""What arms cost and give back is in the report, with the numbers of the runs."""

import json

from rl_transfer.analysis import write_results
from rl_transfer.report import write_html

ARMS = {
    "helps": {"scratch": 150, "fine_tune": 600, "fine_tune.placebo": 150},
    "does_nothing": {"scratch": 150, "fine_tune": 150, "fine_tune.placebo": 150},
}


def page(build, *, retained=None):
    store, results = build(pairs=ARMS)
    for index, entry in enumerate(json.loads((store / "studies/quick/study.json").read_text())["pairs"].items()):
        for run in entry[1]["runs"]:
            if retained is not None and run["arm"] == "fine_tune":
                (store / run["path"] / "retention.csv").write_text(f"episode,return\n0,{retained + index}\n")
    return write_html(store, write_results(store, results.data.manifest.name)).read_text()


def test_a_source_that_pays_off_and_one_that_does_not(build):
    html = page(build)
    assert "steps saved until the threshold" in html
    assert " targets (" in html
    assert "no saving is shown" in html


def test_what_was_forgotten_is_shown_only_where_it_was_measured(build):
    assert "final agents" not in page(build)
    html = page(build, retained=77.25)
    assert "final agents" in html
    assert ">77.2<" in html
    assert ">78.2<" in html
