"""The verdict table in a terminal and in a pipe."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from rl_transfer.analysis import write_results
from rl_transfer.report import verdict_table


def printed(results, width=80, **settings) -> str:
    file = StringIO()
    Console(file=file, width=width, **settings).print(verdict_table(results))
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120])
def test_everything_is_readable_without_colour(build, width):
    _, results = build()
    text = printed(results, width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "…" not in text
    for word in ("cartpole_heavy_pole", "cartpole_reversed", "fine_tune", "positive", "negative"):
        assert word in text
    assert text.count("vs scratch (total)") == 2
    assert "= slower than scratch" in text


def test_ascii_is_enough_for_a_pipe(build):
    _, results = build()
    assert printed(results).isascii()


def test_rows_are_the_comparisons(build):
    _, results = build()
    rows = [line for line in printed(results).splitlines() if "vs " in line]
    assert len(rows) == len(results.comparisons)
    for row, comparison in zip(rows, results.comparisons, strict=True):
        assert comparison.verdict in row
        assert f"{comparison.difference:+.3f}" in row
        assert f"{comparison.interval.low:+.3f} to {comparison.interval.high:+.3f}" in row
        assert row.rstrip().endswith(f"{comparison.n}/{comparison.n_baseline}")


def test_a_changed_curve_changes_the_row(build):
    _, before = build()
    _, after = build(pairs={"cartpole_heavy_pole": {"scratch": 150, "fine_tune": 460, "fine_tune.placebo": 180}})
    difference = f"{before.comparisons[0].difference:+.3f}"
    assert difference in printed(before)
    assert difference not in printed(after)


def test_a_difference_that_contains_one_of_hyperparameters_says_so(build):
    store, results = build()
    file = store / "studies/quick/study.json"
    written = json.loads(file.read_text())
    written["pairs"]["cartpole_heavy_pole"]["arms"]["fine_tune"]["learner"] = {"gamma": 0.9}
    file.write_text(json.dumps(written))
    found = write_results(store, results.data.manifest.name)
    unequal = {(one.pair, one.family) for one in found.comparisons if one.unequal_learners}
    assert unequal == {("cartpole_heavy_pole", "total"), ("cartpole_heavy_pole", "initialisation")}
    verdicts = json.loads((store / "studies/quick/verdicts.json").read_text())
    assert sum(one["unequal_learners"] for one in verdicts) == 2
    assert printed(found).count("(own learner)") == 2
    written["pairs"]["cartpole_heavy_pole"]["arms"]["fine_tune"]["learner"] = {"n_envs": 8}  # the pair's own
    file.write_text(json.dumps(written))
    assert not any(one.unequal_learners for one in write_results(store, results.data.manifest.name).comparisons)


def test_a_verdict_from_one_source_agent_is_conditional(build):
    _, results = build()
    comparisons = tuple(replace(comparison, conditional=True) for comparison in results.comparisons[:3])
    table = printed(replace(results, comparisons=comparisons))
    assert table.count("(conditional)") == 3
    explained = "conditional: conditional on this checkpoint: all runs of the arm start from one source agent."
    assert explained in " ".join(table.split())


def test_missing_runs_are_said(build):
    _, results = build(left_out=("cartpole_reversed/fine_tune.placebo/seed3",))
    text = printed(results)
    assert "knowledge is open: 1 of 5 runs of fine_tune.placebo are missing" in text
    assert "5/4" in text


def test_an_open_question_tells_the_seeds_that_would_decide(build):
    _, results = build(pairs={"pair": {"scratch": 300, "fine_tune": 305, "fine_tune.placebo": 300}}, seeds=4)
    (needed,) = {c.seeds_to_decide for c in results.comparisons if c.family == "total"}
    assert needed is not None
    text = " ".join(printed(results).split())
    assert f"total is open: about {needed} seeds a side would decide it in a new study" in text
    assert text.count("a new study: planned with that many seeds; its key first_seed gives fresh ones.") == 1


@pytest.mark.slow
def test_sources_below_their_threshold_are_named(build):
    _, results = build(source_level=600.0)
    assert "sources below" not in printed(results)
    outcomes = {f"cartpole_heavy_pole/source/seed{seed}": "diverged" for seed in (0, 3)}
    _, results = build(source_level=600.0, outcomes=outcomes)
    assert "sources below their threshold: cartpole_heavy_pole 2 of 5." in printed(results)


def test_names_are_no_markup(build):
    pairs = {"[red]pair": {"scratch": 150.0, "[b]arm": 400.0}}
    _, results = build(pairs=pairs, arms={"[b]arm": {"placebo": False}}, events=False)
    text = printed(results)
    assert "[red]pair" in text
    assert "[b]arm" in text


def test_long_names_are_not_cut(build):
    name = "a" * 64
    _, results = build(pairs={name: {"scratch": 150, name: 400}}, arms={name: {"placebo": False}}, source_level=600.0)
    assert printed(results).count(name) == 2


def test_the_numbers_are_those_of_the_file(build):
    _, results = build()
    written = json.loads(Path(results.verdicts_path).read_text())
    text = printed(results)
    assert all(f"{entry['difference']:+.3f}" in text for entry in written)
