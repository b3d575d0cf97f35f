"""Studies that look several times, carried out: seeds are added only where something is open."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from tiny_study import Recorder, carry_out, write_study

from rl_transfer.api import plan
from rl_transfer.cli import main
from rl_transfer.errors import ConfigError, RLTransferError
from rl_transfer.execute import assign_folders, costs, execute, forecast
from rl_transfer.execute.forecast import ASSUMED_SPREAD
from rl_transfer.execute.looks import wanted_runs
from rl_transfer.stats import detectable_difference, mean_score
from rl_transfer.store import Store

# Every agent has learned by these anchors and no difference matters, so that a look which can decide does.
BOLD = {
    "pair": {"score": {"random": 0.0, "reference": 5.0, "worst": 0.0}},
    "margin": 1000.0,
    "seeds": {"looks": [2, 3], "alphas": [0.9, 0.05]},
    "alpha": 0.95,
}
ARMS = ["fine_tune", "fine_tune.placebo", "scratch", "source"]
SHY = BOLD | {"seeds": {"looks": [2, 3], "alphas": [1e-6, 0.9]}, "alpha": 0.900001}


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    """The same study twice in one store: first each look can decide, then the first one can't."""
    folder = tmp_path_factory.mktemp("looks")
    bold = carry_out(folder, **BOLD)
    shy = carry_out(folder, name="shy", **SHY)
    return folder, bold, shy


@pytest.mark.slow
@pytest.mark.xdist_group("looks")
def test_seeds_are_added_for_as_long_as_something_is_open(looked):
    _, (bold, first), (shy, second) = looked
    for outcome in (bold, shy):
        assert outcome.failures == ()
    decided = {one.family: one.verdict for one in bold.results.comparisons if one.family != "initialisation"}
    assert "inconclusive" not in decided.values()
    assert {one.look for one in bold.results.comparisons} == {1}
    assert bold.results.data.pairs[0].unneeded == 4
    assert len(first.started) == 8
    assert {one.look for one in shy.results.comparisons} == {2}
    assert {one.n for one in shy.results.comparisons} == {3}
    assert len(second.started) == 4, "the first look's runs are those of the study before"


@pytest.mark.slow
@pytest.mark.xdist_group("looks")
def test_every_look_is_announced(looked):
    _, (_, first), (_, second) = looked
    assert first.begun["stage"] == "look 1 of 2"
    assert second.begun == {**second.begun, "stage": "look 2 of 2", "runs": 12, "stored_runs": 8}


@pytest.mark.slow
@pytest.mark.xdist_group("looks")
def test_an_arm_is_judged_at_every_look_as_soon_as_its_runs_are_there(looked):
    _, (bold, first), (shy, second) = looked
    (told,) = first.judged
    assert [replace(one, p_study=None) for one in bold.results.comparisons] == told
    (after,) = second.judged  # nothing was to be run at its first look
    assert {(one.look, one.n) for one in after} == {(2, 3)}
    assert [replace(one, p_study=None) for one in shy.results.comparisons] == after


@pytest.mark.slow
@pytest.mark.xdist_group("looks")
def test_the_manifest_holds_the_looks_and_all_runs(looked):
    folder, *_ = looked
    manifest = json.loads((folder / "runs/studies/tiny/study.json").read_text())
    assert manifest["looks"] == [
        {"seeds": 2, "baseline_seeds": 2, "alpha": 0.9},
        {"seeds": 3, "baseline_seeds": 3, "alpha": 0.05},
    ]
    assert len(manifest["pairs"]["mine"]["runs"]) == 12


@pytest.mark.slow
@pytest.mark.xdist_group("looks")
def test_seeds_added_to_judged_runs_are_called_a_second_look(looked):
    folder, (bold, _), (shy, _) = looked
    assert bold.results.data.manifest.judged_before == {}
    assert shy.results.data.manifest.judged_before == {"tiny": 4}
    assert any(note.startswith("tiny has been judged on 4 of these runs") for note in shy.notes)
    assert "Study tiny had been judged on 4 runs of this one" in shy.report.read_text()
    again, _ = carry_out(folder, **BOLD)
    assert again.results.data.manifest.judged_before == {}
    tiny = write_study(folder, **BOLD)
    assert plan(tiny, name="again", store=folder / "runs").judged_before == {"shy": 6}, "tiny itself is the same"
    for other in ("margin=0.2", "baseline_seeds=[4,6]", "arms.heads={methods: [{fine_tune: {roles: [policy_head]}}]}"):
        assert "tiny" in plan(tiny, [other], name="again", store=folder / "runs").judged_before
    fresh = plan(write_study(folder, **SHY), ["first_seed=50"], name="fresh", store=folder / "runs")
    assert fresh.judged_before == {}


def test_a_source_is_wanted_whatever_its_own_seed(tmp_path):
    planned = plan(write_study(tmp_path, **SHY), store=tmp_path / "runs")
    moved = tuple(replace(run, seed=99) if run.arm == "source" else run for run in planned.runs)
    wanted = wanted_runs(replace(planned, runs=moved), planned.study.config.looks[0])
    assert sorted((run.arm, run.seed) for run in wanted if run.arm != "source") == [
        (arm, seed) for arm in sorted(ARMS[:-1]) for seed in (0, 1)
    ]
    assert {run.key for run in wanted if run.arm == "source"} == {
        run.key for run in planned.runs if run.arm == "source" and run.seed < 2
    }


def test_a_run_whose_source_nobody_trains_is_refused(tmp_path):
    planned = plan(write_study(tmp_path), store=tmp_path / "runs")
    store = Store(tmp_path / "runs")
    store.open()
    some = replace(planned, runs=tuple(run for run in planned.runs if run.arm != "source"))
    with pytest.raises(RLTransferError, match=r"it waits for .*, which is not among the runs to carry out"):
        execute(some, store, assign_folders(planned, store), workers=1, observer=Recorder())


@pytest.mark.slow
@pytest.mark.xdist_group("looks")
def test_a_plan_knows_the_spread_of_stored_runs_and_what_is_left_to_train(looked):
    folder, _, (shy, _) = looked
    store = Store(folder / "runs")
    planned = plan(folder / "tiny.yaml", ["seeds=4", "alpha=0.5"], store=store.root)
    (found,) = forecast(planned, store)
    grid = shy.results.data.pairs[0].entry.grid
    scores = [mean_score([run.score_T], grid)[0] for run in shy.results.data.pairs[0].of_arm("scratch")]
    assert found.spread.runs == 3
    assert found.spread.value == pytest.approx(np.std(scores, ddof=1))
    (total, _) = found.looks
    sizes = {"n_baseline": 4, "n_arm": 4, "level": 0.5}
    assert total.detectable == pytest.approx(detectable_difference(found.spread.value, **sizes))
    assert total.equivalence > 0.99, "no difference matters by this margin"
    (cost,) = costs(planned, store, workers=1)
    assert (cost.runs, cost.stored) == (16, 12)
    assert cost.minutes > 0


@pytest.mark.slow
@pytest.mark.xdist_group("looks")
def test_without_stored_runs_a_spread_is_assumed_and_said(looked, tmp_path, capsys):
    folder, *_ = looked
    planned = plan(folder / "tiny.yaml", store=tmp_path)
    (found,) = forecast(planned, Store(tmp_path))
    assert (found.spread.runs, found.spread.value) == (0, ASSUMED_SPREAD)
    assert [cost.runs for cost in costs(planned, Store(tmp_path), workers=1)] == [8, 12]
    assert main(["plan", str(folder / "tiny.yaml"), "--store", str(tmp_path)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "0.15?" in printed
    assert "to look 2: 12 runs, 0 stored, no time estimate" in printed


@pytest.mark.slow
@pytest.mark.xdist_group("looks")
def test_a_study_goes_on_though_later_looks_are_stored_already(looked, tmp_path):
    folder, *_ = looked
    later = BOLD | {"seeds": {"looks": [2, 3, 4], "alphas": [1e-6, 1e-6, 0.9]}, "alpha": 0.900002}
    outcome, recorder = carry_out(tmp_path, store=folder / "runs", name="later", **later)
    assert sorted(recorder.started) == sorted(f"mine/{arm}/seed3" for arm in ARMS)
    assert {(one.look, one.n) for one in outcome.results.comparisons} == {(3, 4)}


def test_looks_that_decide_nothing_are_listed_and_a_plan_of_only_such_is_refused(tmp_path):
    def notes(**study):
        return plan(write_study(tmp_path, **study), store=tmp_path / "runs").notes

    assert any(re.search(r"look 1 can't decide anything \(total\): 2 against 2 seeds", note) for note in notes(**SHY))
    assert not any("can't decide" in note for note in notes(seeds={}, alpha=0.05))
    with pytest.raises(ConfigError, match=r"seeds: 3 against 3 seeds can't decide anything .total.*take at least 4"):
        notes(seeds={"looks": [2, 3], "alphas": [0.01, 0.04]}, alpha=0.05)
