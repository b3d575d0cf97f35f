"""What a run measures, charges and leaves behind."""

import csv

import numpy as np
import probes
import pytest
from builders import (
    DIAL,
    WALK,
    arm_spec,
    as_bytes,
    carry_out,
    curve,
    dqn,
    flat,
    forward,
    handmade_source,
    initial_networks,
    learner,
    outputs,
    ppo,
    run_spec,
    source_spec,
    status,
)

from rl_transfer.errors import ConfigError, StoreError
from rl_transfer.knowledge import Transitions, read_networks
from rl_transfer.store import read_json
from rl_transfer.study import TaskConfig


def dial_of(networks):
    """The return of a deterministic episode on the dial: the policy's mean, by NumPy."""
    return float(np.clip(forward(networks, "policy", [[1.0]])[0, 0], -10, 10))


def agent(folder):
    return read_networks(folder / "agent" / "networks.safetensors")


@pytest.fixture
def watched(monkeypatch):
    """Every probe made from here on."""
    monkeypatch.setattr(probes, "WATCHING", True)
    monkeypatch.setattr(probes, "INSTANCES", found := [])
    return found


class TestCurve:
    def test_step_0_is_the_initial_networks(self, tmp_path):
        spec = run_spec(task=DIAL)
        folder = carry_out(spec, tmp_path)
        assert curve(folder)[0] == pytest.approx([dial_of(initial_networks(spec))] * 3, rel=1e-5)

    def test_source_and_target_of_one_seed_start_differently(self, tmp_path):
        assert (
            curve(carry_out(run_spec(task=DIAL), tmp_path))[0] != curve(carry_out(source_spec(task=DIAL), tmp_path))[0]
        )

    def test_the_last_point_is_the_agent_that_is_stored(self, tmp_path):
        folder = carry_out(run_spec(task=DIAL), tmp_path)
        assert curve(folder)[128] == pytest.approx([dial_of(agent(folder))] * 3, rel=1e-5)
        assert curve(folder)[128] != curve(folder)[0]

    @pytest.mark.parametrize("segment_steps", [32, 64, 128])
    def test_a_point_between_updates_shows_the_policy_of_the_update_before(self, tmp_path, segment_steps):
        grid = (0, 1, 31, 32, 33, 63, 64, 80, 95, 96, 100, 128)
        spec = run_spec(task=DIAL, grid=grid, episodes=1, segment_steps=segment_steps)
        found = {step: returns[0] for step, returns in curve(carry_out(spec, tmp_path)).items()}
        assert list(found) == list(grid)
        groups = [(0, 1, 31), (32, 33, 63), (64, 80, 95), (96, 100), (128,)]
        values = [{found[step] for step in group} for group in groups]
        assert all(len(value) == 1 for value in values)
        assert len(set.union(*values)) == len(groups)

    @pytest.mark.slow
    def test_a_finer_grid_does_not_change_training(self, tmp_path):
        coarse = carry_out(run_spec(grid=(0, 128)), tmp_path)
        fine = carry_out(run_spec(grid=tuple(range(0, 129, 4))), tmp_path)
        assert agent(coarse).keys() == agent(fine).keys()
        assert outputs(coarse)["networks.safetensors"] == outputs(fine)["networks.safetensors"]
        assert len(curve(fine)) == 33

    def test_a_stochastic_evaluation_differs_and_repeats(self, tmp_path):
        spec = run_spec(task=DIAL, deterministic=False)
        found = [curve(carry_out(spec, tmp_path / name)) for name in "ab"]
        assert found[0] == found[1]
        assert len(set(found[0][0])) == 3


class TestEvaluation:
    def split(self, watched):
        """Training instances, which go on for long, and evaluation instances, which live for one episode."""
        return [p for p in watched if p.steps > 10], [p for p in watched if 0 < p.steps <= 10]

    @pytest.mark.parametrize("config", [ppo(), dqn()], ids=["ppo", "dqn"])
    def test_it_has_environments_of_its_own_and_is_charged_apart(self, config, watched, tmp_path):
        task = TaskConfig(id="probes:Walk-v0", kwargs={"quits": 0.0})
        costs = read_json(carry_out(run_spec(config, task=task), tmp_path) / "costs.json")
        training, evaluation = self.split(watched)
        assert len(training) == config.n_envs * 2  # rebuilt at the boundary
        assert sum(p.steps for p in training) == costs["target_steps"] == 128
        assert sum(p.steps for p in evaluation) == costs["evaluation_steps"] == 5 * 3 * 10
        assert all(len(p.seeds) == 1 for p in evaluation)

    def seeds(self, watched, spec, root, source=None):
        del watched[:]
        carry_out(spec, root, source)
        training, evaluation = self.split(watched)
        return {s for p in training for s in p.seeds}, [p.seeds[0] for p in evaluation]

    @pytest.mark.slow
    def test_episode_seeds_are_equal_across_arms_and_never_used_twice(self, watched, tmp_path):
        task = TaskConfig(id="probes:Walk-v0", kwargs={"quits": 0.0})
        plain = run_spec(task=task)
        source = handmade_source(tmp_path, source_spec(task=task), initial_networks(run_spec(seed=5)))
        arm = arm_spec(plain, source, "fine_tune")
        placebo = arm_spec(plain, source, "fine_tune", scrambled=True)
        training, scratch = self.seeds(watched, plain, tmp_path)
        assert len(training) == 2 * 2  # each environment in each segment its own
        assert len(set(scratch)) == len(scratch) == 5 * 3
        for spec in (arm, placebo):
            assert self.seeds(watched, spec, tmp_path, source)[1][: 5 * 3] == scratch  # then retention's
        other_training, other = self.seeds(watched, run_spec(task=task, seed=1), tmp_path)
        assert not set(scratch) & set(other)
        assert not training & other_training
        as_source = self.seeds(watched, source_spec(task=task), tmp_path)
        assert not (set(scratch) | training) & (set(as_source[1]) | as_source[0])
        assert not training & set(scratch)


class TestFineTuning:
    def test_at_step_0_the_target_is_the_source_agent(self, tmp_path):
        source = carry_out(source_spec(task=DIAL), tmp_path)
        folder = carry_out(arm_spec(run_spec(task=DIAL), source, "fine_tune"), tmp_path, source)
        assert curve(folder)[0] == curve(source)[128] != curve(source)[0]
        assert curve(folder)[128] != curve(folder)[0]

    def test_the_dqn_target_starts_with_the_source_s_actions(self, tmp_path):
        source = carry_out(source_spec(dqn()), tmp_path)
        frozen_grid = run_spec(dqn(learning_starts=1000))  # it never updates
        folder = carry_out(arm_spec(frozen_grid, source, "fine_tune"), tmp_path, source)
        assert outputs(folder)["networks.safetensors"] == outputs(source)["networks.safetensors"]
        assert outputs(folder)["costs"]["gradient_steps"] == 0

    @pytest.mark.slow
    @pytest.mark.parametrize("config", [ppo(), dqn()], ids=["ppo", "dqn"])
    def test_the_transfer_table_lists_every_tensor(self, config, tmp_path):
        source = carry_out(source_spec(config), tmp_path)
        roles = {"ppo": ["policy_body", "policy_head"], "dqn": ["value_body"]}[config.algorithm]
        spec = arm_spec(run_spec(config), source, ("fine_tune", {"roles": roles, "freeze": roles[:1]}))
        folder = carry_out(spec, tmp_path, source)
        rows = list(csv.DictReader((folder / "transfer.csv").read_text().splitlines()))
        tensors = flat(agent(folder))
        beside = ["random start steps", "epsilon schedule"] if config.off_policy else []  # exploration, in no tensor
        assert [row["tensor"] for row in rows if not row["to_shape"]] == beside
        rows = [row for row in rows if row["to_shape"]]
        assert sorted(f"{row['role']}/{row['tensor']}" for row in rows) == sorted(tensors)
        for row in rows:
            shape = "x".join(map(str, tensors[f"{row['role']}/{row['tensor']}"].shape))
            assert row["from_shape"] == row["to_shape"] == shape
            assert row["fate"] == ("copied" if row["role"] in roles else "reinitialised")
            assert row["frozen"] == ("for ever" if row["role"] in roles[:1] else "no")
            assert row["why"]

    def test_what_is_dropped_is_listed_too(self, tmp_path):
        boxes = TaskConfig(id="probes:Walk-v0", kwargs={"continuous": True})
        source = carry_out(source_spec(task=boxes), tmp_path)
        # As if it had been trained on the walk: retention is measured there.
        stored = handmade_source(tmp_path / "handmade", source_spec(task=WALK), agent(source))
        spec = arm_spec(run_spec(), stored, ("fine_tune", {"roles": ["value_body", "value_head"]}))
        folder = carry_out(spec, tmp_path, stored)
        rows = {row["tensor"]: row for row in csv.DictReader((folder / "transfer.csv").read_text().splitlines())}
        assert (rows["log_std"]["fate"], rows["log_std"]["to_shape"]) == ("dropped", "")

    def test_retention_is_written_for_arms_with_a_source_only(self, tmp_path):
        task = TaskConfig(id="probes:Walk-v0", kwargs={"quits": 0.0, "reward": 2.0})
        source = carry_out(source_spec(task=task), tmp_path)
        folder = carry_out(arm_spec(run_spec(), source, "fine_tune"), tmp_path, source)
        rows = list(csv.DictReader((folder / "retention.csv").read_text().splitlines()))
        assert [(row["episode"], float(row["return"])) for row in rows] == [("0", 20.0), ("1", 20.0), ("2", 20.0)]
        assert not (source / "retention.csv").exists()
        lengths = sum(int(row["length"]) for row in csv.DictReader((folder / "curve.csv").read_text().splitlines()))
        assert read_json(folder / "costs.json")["evaluation_steps"] == lengths + 30
        assert read_json(folder / "costs.json")["source_steps"] == 128

    def test_networks_of_another_shape_are_refused_before_training(self, tmp_path):
        source = carry_out(source_spec(ppo(net_arch=[4])), tmp_path)
        with pytest.raises(ConfigError, match=r"policy_body/0\.bias has shape \(4,\) in the source, \(8,\)"):
            carry_out(arm_spec(run_spec(), source, "fine_tune"), tmp_path, source)

    def test_a_source_that_left_no_networks_is_named(self, tmp_path):
        source = carry_out(source_spec(), tmp_path)
        (source / "agent" / "networks.safetensors").unlink()
        with pytest.raises(StoreError, match=r"networks\.safetensors"):
            carry_out(arm_spec(run_spec(), source, "fine_tune"), tmp_path, source)


class TestLeftBehind:
    def test_a_source_keeps_its_experience_a_target_does_not(self, tmp_path):
        source = carry_out(source_spec(dqn()), tmp_path)
        target = carry_out(run_spec(dqn()), tmp_path)
        assert (source / "agent" / "experience.npz").exists()
        assert not (target / "agent" / "experience.npz").exists()

    def test_files(self, tmp_path):
        folder = carry_out(run_spec(), tmp_path)
        found = {path.name for path in folder.iterdir()}
        assert found == {
            "spec.json",
            "curve.csv",
            "episodes.csv",
            "costs.json",
            "status.json",
            "machine.json",
            "agent",
            "events",
        }
        assert status(folder) == {
            "status": "finished",
            "outcome": "completed",
            "message": "",
            "failed_at_step": None,
        }
        assert read_json(folder / "costs.json")["gradient_steps"] == 4 * 2 * 2


class TestFailures:
    def test_an_environment_that_fails_ends_the_run_with_its_curve_up_to_there(self, tmp_path):
        # Two environments take a step each: the 40th step of each is in the third rollout.
        task = TaskConfig(id="probes:Fails-v0", kwargs={"at": 40})
        folder = carry_out(run_spec(task=task, segment_steps=128), tmp_path)
        assert status(folder)["status"] == "finished"
        assert status(folder)["outcome"] == "environment_failed"
        assert "the floor gave way" in status(folder)["message"]
        assert status(folder)["failed_at_step"] == 78
        assert list(curve(folder)) == [0, 32, 64]
        assert read_json(folder / "costs.json")["target_steps"] == 78
        assert not (folder / "agent").exists()
        assert not (folder / "checkpoints").exists()

    @pytest.mark.slow
    def test_a_failing_run_is_repeatable_too(self, tmp_path):
        task = TaskConfig(id="probes:Fails-v0", kwargs={"at": 20, "how": "nan reward"})
        alone = carry_out(run_spec(task=task), tmp_path / "alone")
        assert status(alone)["outcome"] == "environment_failed"
        carry_out(run_spec(task=task, segment_steps=32), tmp_path / "stopped", stop_after_segment=1)
        continued = carry_out(run_spec(task=task, segment_steps=32), tmp_path / "stopped")
        again = carry_out(run_spec(task=task, segment_steps=32), tmp_path / "again")
        assert outputs(continued) == outputs(again)

    def test_failing_in_the_first_reset_leaves_an_empty_curve(self, tmp_path):
        folder = carry_out(run_spec(task=TaskConfig(id="probes:Fails-v0", kwargs={"at": 0})), tmp_path)
        assert status(folder)["outcome"] == "environment_failed"
        assert status(folder)["failed_at_step"] == 0
        assert curve(folder) == {}

    def test_failing_in_an_evaluation_counts_too(self, tmp_path):
        task = TaskConfig(id="probes:Fails-v0", kwargs={"at": 5})
        folder = carry_out(run_spec(task=task), tmp_path)
        assert status(folder)["outcome"] == "environment_failed"
        assert (status(folder)["failed_at_step"], curve(folder)) == (0, {})

    @pytest.mark.parametrize("config", [ppo(learning_rate=1e36), dqn(learning_rate=1e36)], ids=["ppo", "dqn"])
    def test_a_diverged_learner_ends_the_run_and_no_point_shows_it(self, config, tmp_path):
        spec = run_spec(config, grid=tuple(range(0, 257, 8)), segment_steps=256)
        folder = carry_out(spec, tmp_path)
        assert status(folder)["outcome"] == "diverged"
        assert "finite" in status(folder)["message"]
        failed_at = status(folder)["failed_at_step"]
        assert 0 < failed_at < 256
        assert list(curve(folder)) == [step for step in range(0, 257, 8) if step < failed_at]
        assert not (folder / "agent").exists()

    def same_agent(self, folder, networks):
        """The stored agent has these networks, and the library loads it."""
        assert as_bytes(agent(folder)) == as_bytes(networks)
        assert (folder / "agent" / "model.zip").exists()

    @pytest.mark.slow
    @pytest.mark.parametrize("config", [ppo(), dqn()], ids=["ppo", "dqn"])
    def test_a_failed_source_leaves_the_agent_of_its_last_checkpoint(self, config, tmp_path, monkeypatch):
        spec = source_spec(config, task=TaskConfig(id="probes:Walk-v0", kwargs={"quits": 0.0}), grid=(0, 128))
        stopped = carry_out(spec, tmp_path / "stopped", stop_after_segment=1)
        checkpoint = learner(config)
        checkpoint.load_state(stopped / "checkpoints", 1)
        checkpoint.close()
        played, outcome = [], probes.Walk.outcome

        def fails(env, action):
            played.append(action)
            if len(played) == 30 + 79:  # three episodes of ten at step 0, then 64 of the first segment
                raise RuntimeError("the floor gave way")
            return outcome(env, action)

        monkeypatch.setattr(probes.Walk, "outcome", fails)
        folder = carry_out(spec, tmp_path)
        assert status(folder)["outcome"] == "environment_failed"
        assert status(folder)["failed_at_step"] == read_json(folder / "costs.json")["target_steps"] == 78
        assert list(curve(folder)) == [0]
        self.same_agent(folder, checkpoint.networks())
        experience = folder / "agent" / "experience.npz"
        assert experience.exists() == (config.algorithm == "dqn")
        if experience.exists():
            assert len(Transitions.read(experience)) == 64
        assert not (folder / "checkpoints").exists()
        arm = carry_out(arm_spec(run_spec(config), folder, "fine_tune"), tmp_path, folder)
        assert status(arm)["outcome"] == "completed"

    def test_a_source_that_fails_at_once_leaves_its_initial_agent(self, tmp_path):
        spec = source_spec(dqn(), task=TaskConfig(id="probes:Fails-v0", kwargs={"at": 0}))
        folder = carry_out(spec, tmp_path)
        assert status(folder)["outcome"] == "environment_failed"
        self.same_agent(folder, initial_networks(spec))
        methods = ["fine_tune", "replay"]
        for scrambled in (False, True):
            arm = carry_out(arm_spec(run_spec(dqn()), folder, *methods, scrambled=scrambled), tmp_path, folder)
            assert status(arm)["outcome"] == "completed"

    def test_a_diverged_source_leaves_its_last_finite_agent(self, tmp_path):
        spec = source_spec(ppo(learning_rate=1e36), segment_steps=64)
        folder = carry_out(spec, tmp_path)
        assert status(folder)["outcome"] == "diverged"
        self.same_agent(folder, initial_networks(spec))

    def test_a_source_task_that_fails_in_retention_leaves_the_run_completed(self, tmp_path, capsys):
        failing = source_spec(task=TaskConfig(id="probes:Fails-v0", kwargs={"at": 5}))
        source = handmade_source(tmp_path, failing, initial_networks(run_spec(seed=5)))
        folder = carry_out(arm_spec(run_spec(), source, "fine_tune"), tmp_path, source)
        assert status(folder)["outcome"] == "completed"
        assert not (folder / "retention.csv").exists()
        assert (folder / "agent" / "networks.safetensors").exists()
        lengths = sum(int(row["length"]) for row in csv.DictReader((folder / "curve.csv").read_text().splitlines()))
        assert read_json(folder / "costs.json")["evaluation_steps"] == lengths
        assert "probes:Fails-v0: step 4 raised RuntimeError: the floor gave way" in capsys.readouterr().out

    def test_a_bug_keeps_its_traceback_and_leaves_the_run_unfinished(self, tmp_path, monkeypatch):
        monkeypatch.setattr(probes.Walk, "close", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            carry_out(run_spec(), tmp_path)
        assert not list(tmp_path.rglob("status.json"))


@pytest.mark.slow
def test_a_sham_source_learns_nothing_where_the_true_one_does(tmp_path):
    config = ppo(
        n_envs=8,
        n_steps=32,
        batch_size=256,
        n_epochs=20,
        gamma=0.98,
        gae_lambda=0.8,
        learning_rate=1e-3,
        net_arch=[64, 64],
    )
    changes = {
        "task": TaskConfig(id="transfer/CartPole-v0"),
        "grid": (0, 8192, 16384),
        "episodes": 10,
        "segment_steps": 16384,
    }
    true = curve(carry_out(source_spec(config, **changes), tmp_path))
    sham = curve(carry_out(source_spec(config, sham=True, **changes), tmp_path))
    assert np.mean(true[16384]) > 100
    assert np.mean(sham[16384]) < 50
    assert np.mean(sham[0]) == np.mean(true[0])  # the same initial agent, measured on the true task
