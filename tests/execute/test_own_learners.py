"""Planning and showing studies whose arms have hyperparameters of their own."""

import json
import re

import pytest
from tiny_study import write_study

from rl_transfer.api import plan
from rl_transfer.errors import ConfigError
from rl_transfer.execute import write_manifest
from rl_transfer.store import Store

OWN = {"fine_tune": {"methods": ["fine_tune"], "sham": True, "learner": {"gamma": 0.5}}}


def planned(folder, *overrides, **study):
    return plan(write_study(folder, **study), overrides, store=folder / "runs")


def refused(folder, *overrides, **study):
    with pytest.raises(ConfigError) as caught:
        planned(folder, *overrides, **study)
    return str(caught.value)


def test_an_arm_its_placebo_and_its_sham_have_its_learner_and_sources_the_pairs(tmp_path):
    runs = planned(tmp_path, arms=OWN, scratch={"learner": {"gamma": 0.7}}).runs
    gammas = {run.arm: run.spec.learner.gamma for run in runs}
    pairs, own = 0.99, 0.5
    assert gammas == {
        "source": pairs,
        "source.sham": pairs,
        "scratch": 0.7,
        "fine_tune": own,
        "fine_tune.placebo": own,
        "fine_tune.sham": own,
    }


def test_only_the_runs_of_the_arm_are_others(tmp_path):
    plain, own = planned(tmp_path), planned(tmp_path, "arms.fine_tune.learner.gamma=0.5")
    same = {run.arm for run in own.runs if run.key in {other.key for other in plain.runs}}
    assert same == {"source", "scratch"}


def test_the_pairs_own_values_written_out_are_the_same_runs(tmp_path):
    plain, own = planned(tmp_path), planned(tmp_path, "arms.fine_tune.learner={gamma: 0.99, n_envs: 2}")
    assert [run.key for run in plain.runs] == [run.key for run in own.runs]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "arms.fine_tune.learner.n_steps=48",
            r"mine\.yaml:\d+: budget\.target: 128 steps are no multiple of arms\.fine_tune\.learner's rollout of 96",
        ),
        ("arms.fine_tune.learner.net_arch=[8]", r"arms\.fine_tune\.methods\.0\.fine_tune\.roles: .*same architecture"),
        ("scratch.learner.use_sde=true", r"use_sde explores in continuous actions"),
        ("scratch.learner={normalize: {observation: 3}}", r"scratch\.learner\.normalize"),
    ],
)
def test_what_could_not_run_is_refused(tmp_path, override, message):
    assert re.search(message, refused(tmp_path, override))


def test_a_learner_that_would_never_learn_is_named(tmp_path):
    pair = {"learner": {"algorithm": "dqn", "learning_starts": 20}}
    message = refused(tmp_path, "arms.fine_tune.learner.learning_starts=500", pair=pair)
    assert re.search(r"--set: arms\.fine_tune\.learner\.learning_starts: learning would start after 500", message)


def test_a_rollout_of_its_own_counts_for_segments_and_points(tmp_path):
    assert "rollout of 128: take 128" in refused(tmp_path, "arms.fine_tune.learner.n_steps=64", "segment_steps=64")
    assert planned(tmp_path, "evaluation.points=3").notes == ()
    (note,) = planned(tmp_path, "arms.fine_tune.learner.n_steps=64", "evaluation.points=3").notes
    assert "fall between updates (every 128 steps)" in note


def test_the_manifest_holds_them(tmp_path):
    found = planned(tmp_path, arms=OWN, scratch={"learner": {"gamma": 0.7}})
    store = Store(tmp_path / "runs")
    folders = {run.key: store.run_folder(run.pair, run.arm, run.seed, run.key) for run in found.runs}
    pair = json.loads(write_manifest(found, store, folders, ["rl-transfer"]).read_text())["pairs"]["mine"]
    assert pair["scratch"] == {"learner": {"gamma": 0.7}}
    assert pair["arms"]["fine_tune"]["learner"] == {"gamma": 0.5}
    assert pair["learner"]["gamma"] == 0.99
