"""Whole studies with real workers: what they leave behind, that they repeat, and that failures stay contained."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from math import lcm

import numpy as np
import pytest
from tiny_study import PAIR, carry_out, children, curves
from zoo import import_named

from rl_transfer import run_study
from rl_transfer.errors import StoreError
from rl_transfer.study import load_study, shipped_names

pytestmark = pytest.mark.xdist_group("tiny")


def test_a_study_leaves_verdicts_curves_report_and_events(tiny):
    folder, outcome, _ = tiny
    results = folder / "runs/studies/tiny"
    verdicts = json.loads((results / "verdicts.json").read_text())
    assert [(v["arm"], v["baseline"], v["family"]) for v in verdicts] == [
        ("fine_tune", "scratch", "total"),
        ("fine_tune", "fine_tune.placebo", "knowledge"),
        ("fine_tune.placebo", "scratch", "initialisation"),
    ]
    for verdict in verdicts:
        assert {"pair", "verdict", "difference", "interval", "p", "n", "runs"} <= verdict.keys()
        assert len(verdict["runs"]) == 4
        assert all((folder / "runs" / run / "status.json").is_file() for run in verdict["runs"])
    with (results / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["pair", "arm", "seed", "step", "return", "score", "source", "run"]
    assert {row["arm"] for row in rows} == {"source", "scratch", "fine_tune", "fine_tune.placebo"}
    assert len(rows) == 4 * 2 * 3
    assert outcome.report.is_file()
    assert outcome.failures == ()
    assert list(results.glob("tensorboard/**/events.out.tfevents.*"))


def test_tensorboard_can_look_on_from_the_start(tiny):
    _, _, recorder = tiny
    tree = "studies/tiny/tensorboard"
    arms = ("mine/scratch", "mine/fine_tune", "mine/fine_tune.placebo", "_sources/mine/source")
    assert recorder.links == {f"{tree}/{arm}/seed{seed}" for arm in arms for seed in range(2)}


def test_the_verdict_follows_from_the_run_folders(tiny):
    folder, _, _ = tiny
    anchors = PAIR["score"]

    def mean_scores(arm):
        scores = []
        for file in sorted((folder / "runs/runs/mine" / arm).glob("*/curve.csv")):
            returns = {}
            for row in csv.DictReader(file.read_text().splitlines()):
                returns.setdefault(int(row["step"]), []).append(float(row["return"]))
            curve = [np.mean(values) for values in returns.values()]
            score = (np.array(curve) - anchors["random"]) / (anchors["reference"] - anchors["random"])
            floor = (anchors["worst"] - anchors["random"]) / (anchors["reference"] - anchors["random"])
            scores.append(np.trapezoid(np.maximum(score, floor), list(returns)) / 128)
        return np.mean(scores)

    verdicts = json.loads((folder / "runs/studies/tiny/verdicts.json").read_text())
    assert verdicts[0]["difference"] == pytest.approx(mean_scores("fine_tune") - mean_scores("scratch"), abs=1e-12)


def test_every_run_was_observed_and_charged_exactly(tiny):
    folder, _, recorder = tiny
    assert recorder.begun == {"runs": 8, "stored_runs": 0, "steps": 8 * 128, "stored_steps": 0, "stage": ""}
    assert len(recorder.started) == len(set(recorder.started)) == 8
    assert set(recorder.ended.values()) == {"completed"}
    assert all("source" in name for name in recorder.started[:2])
    for costs in (folder / "runs").glob("runs/*/*/*/costs.json"):
        assert json.loads(costs.read_text())["target_steps"] == 128


def test_again_nothing_is_trained(tiny):
    folder, outcome, _ = tiny
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs/runs").rglob("*") if path.is_file()}
    verdicts = outcome.results.verdicts_path.read_bytes()
    started = time.monotonic()
    _, recorder = carry_out(folder)
    assert recorder.started == []
    assert time.monotonic() - started < 10
    assert before == {path: path.stat().st_mtime_ns for path in (folder / "runs/runs").rglob("*") if path.is_file()}
    assert outcome.results.verdicts_path.read_bytes() == verdicts


@pytest.mark.slow
def test_the_same_study_in_another_place_has_the_same_curves(tiny, tmp_path):
    folder, _, _ = tiny
    carry_out(tmp_path)
    assert curves(tmp_path / "runs") == curves(folder / "runs")


@pytest.mark.slow
def test_another_study_trains_only_what_is_new(tiny):
    folder, _, _ = tiny
    arms = {"heads": {"methods": [{"fine_tune": {"roles": ["policy_head"]}}]}}
    _, recorder = carry_out(folder, name="heads", arms=arms)
    assert {name.split("/")[1] for name in recorder.started} == {"heads", "heads.placebo"}


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
def test_another_study_of_the_same_name_overwrites_nothing(tiny):
    folder, outcome, _ = tiny
    before = {path: path.read_bytes() for path in outcome.report.parent.glob("*.*")}
    for other in ({"seeds": 3}, {"margin": 0.2}, {"pair": {"budget": {"source": 128, "target": 192}}}):
        with pytest.raises(StoreError, match=r"another study of this name.*--name"):
            carry_out(folder, **other)
    carry_out(folder)
    assert {path: path.read_bytes() for path in outcome.report.parent.glob("*.*")} == before


@pytest.mark.slow
def test_a_failing_environment_is_counted_not_dropped(tmp_path):
    outcome, recorder = carry_out(tmp_path, pair={"target": {"id": "failing_envs:failing/Raises-v0"}})
    assert recorder.ended["mine/source/seed0"] == "completed"
    assert len(outcome.failures) == 6
    failure = outcome.failures[0]
    assert failure.outcome == "environment_failed"
    assert "the pole has snapped" in failure.message
    assert failure.log.is_file()
    total = outcome.results.comparisons[0]
    assert total.failed_runs == (2, 2)
    assert total.missing_runs == (0, 0)


@pytest.mark.slow
def test_a_dying_worker_stops_only_its_own_run(tmp_path):
    outcome, recorder = carry_out(tmp_path, pair={"source": {"id": "failing_envs:failing/Exits-v0"}})
    assert recorder.ended["mine/source/seed0"] == "crashed"
    assert recorder.ended["mine/scratch/seed0"] == "completed"
    assert recorder.ended["mine/fine_tune/seed1"] == "not run"
    assert {failure.run for failure in outcome.failures} == {
        f"mine/{arm}/seed{seed}" for arm in ("source", "fine_tune", "fine_tune.placebo") for seed in (0, 1)
    }
    total = outcome.results.comparisons[0]
    assert total.verdict == "inconclusive"
    assert total.difference is None
    assert "missing" in total.text


@pytest.mark.slow
def test_an_environment_that_prints_disturbs_nothing(tmp_path):
    outcome, _ = carry_out(tmp_path, pair={"target": {"id": "failing_envs:failing/Chatters-v0"}})
    assert outcome.failures == ()
    log = next((tmp_path / "runs").glob("runs/mine/scratch/seed0-*/log.txt"))
    assert "hello from the environment" in log.read_text()


@pytest.mark.slow
def test_dqn_carries_networks_and_replay_in_one_arm(tmp_path):
    learner = {"algorithm": "dqn", "learning_starts": 20, "buffer_size": 200}
    arms = {"both": {"methods": ["fine_tune", {"replay": {"transitions": 50}}]}, "replay": {"methods": ["replay"]}}
    outcome, _ = carry_out(tmp_path, pair={"learner": learner}, arms=arms, alpha=0.9)
    assert outcome.failures == ()
    assert len(outcome.results.comparisons) == 6
    assert (tmp_path / "runs/studies/tiny/verdicts.json").is_file()
    experience = next((tmp_path / "runs").glob("runs/mine/source/seed0-*/agent/experience.npz"))
    with np.load(experience) as arrays:
        assert len(arrays["reward_N"]) == 128
    assert not list((tmp_path / "runs").glob("runs/mine/scratch/*/agent/experience.npz"))
    for arm, carried in (("scratch", 0), ("both", 50), ("both.placebo", 50), ("replay", 128)):
        for costs in (tmp_path / "runs").glob(f"runs/mine/{arm}/*/costs.json"):
            assert json.loads(costs.read_text())["carried_transitions"] == carried


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A study of several segments, carried out without disturbance: its folder and its settings."""
    learner = {"algorithm": "dqn", "learning_starts": 20, "buffer_size": 500, "train_freq": 2}
    pair = {"learner": learner, "budget": {"source": 2048, "target": 2048}}
    study = {"pair": pair, "segment_steps": 512, "arms": {"replay": {"methods": ["replay"], "placebo": False}}}
    folder = tmp_path_factory.mktemp("undisturbed")
    carry_out(folder, **study)
    return folder, study


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "nursery", "program", "all"])
def test_killed_and_started_again_gives_the_same_curves(undisturbed, tmp_path, victim):
    folder, study = undisturbed
    store = tmp_path / "killed"
    command = [sys.executable, "-m", "rl_transfer.cli", "run", str(folder / "tiny.yaml"), "--store", str(store)]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        wait_until(lambda: list(store.glob("runs/*/*/*/checkpoints/run-0001.json")))
        assert not curves(store)
        (nursery,) = children(program.pid)
        workers = children(nursery)
        assert len(workers) == 2
        victims = {"worker": workers[:1], "nursery": [nursery], "program": [program.pid]}
        for pid in victims.get(victim, [*workers, nursery, program.pid]):
            os.kill(pid, signal.SIGKILL)
        program.communicate()
        assert program.returncode == {"worker": 1, "nursery": 0}.get(victim, -signal.SIGKILL)
    carry_out(folder, **study, store=store)
    assert curves(store) == curves(folder / "runs")


def wait_until(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def one_of_each_family():
    return list({load_study(name).pairs[0].config.family: name for name in shipped_names("pairs")}.values())


@pytest.mark.slow
@pytest.mark.parametrize("pair", one_of_each_family())
def test_a_shipped_pair_of_every_family_runs(tmp_path, pair):
    import_named(load_study(pair).pairs[0].config.source_agent, tmp_path)
    config = load_study(pair).pairs[0].config
    rollout = lcm(config.learner.rollout_steps, (config.source_learner or config.learner).rollout_steps)
    steps = -(-1500 // rollout) * rollout
    budget = f"budget={{source: {steps}, target: {steps}}}"
    tiny = ["seeds=2", "alpha=0.5", budget, "evaluation={points: 2, episodes: 1}"]
    outcome = run_study(pair, store=tmp_path, workers=2, overrides=tiny)
    assert outcome.failures == ()
    assert [comparison.family for comparison in outcome.results.comparisons] == ["total", "knowledge", "initialisation"]
    assert all(comparison.difference is not None for comparison in outcome.results.comparisons)
