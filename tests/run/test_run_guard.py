"""Runs that start anew: what is forgotten, what goes on, and the same bytes whatever happens in between."""

import re
from itertools import pairwise

import numpy as np
import pytest
from builders import (
    DIAL,
    Interrupt,
    arm_spec,
    carry_out,
    curve,
    dqn,
    flat,
    folder_of,
    forward,
    handmade_references,
    initial_networks,
    learner,
    outputs,
    ppo,
    run_spec,
    source_spec,
    status,
    tiny,
    train,
)
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rl_transfer.errors import StoreError
from rl_transfer.knowledge import read_networks
from rl_transfer.run.reviews import read_episodes
from rl_transfer.store import read_json
from rl_transfer.study import Named

GUARD = {"reference_runs": 2, "share": 0.5, "checks": 2, "patience": 1}
"""Reviews after 32 and 64 of 128 steps; one failure is enough."""


@pytest.fixture(scope="module")
def unbeatable(tmp_path_factory):
    return handmade_references(tmp_path_factory.mktemp("unbeatable"), [1e6, 1e6 + 1])


@pytest.fixture(scope="module")
def beaten(tmp_path_factory):
    return handmade_references(tmp_path_factory.mktemp("beaten"), [-1e6, -1e6 + 1])


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return carry_out(source_spec(), tmp_path_factory.mktemp("source"))


def guarded(config=None, **changes):
    return run_spec(config, methods=(Named(name="guard", settings=GUARD),), **changes)


class TestStartingAnew:
    def test_it_is_recorded_and_charged(self, tmp_path, unbeatable):
        folder = carry_out(guarded(), tmp_path, references=unbeatable)
        assert status(folder)["fell_back_at_step"] == 32
        costs = read_json(folder / "costs.json")
        assert (costs["target_steps"], costs["reference_steps"]) == (128, 256)

    def test_without_a_reason_nothing_happens(self, tmp_path, beaten):
        scratch = carry_out(run_spec(), tmp_path)
        folder = carry_out(guarded(), tmp_path, references=beaten)
        assert "fell_back_at_step" not in status(folder)
        assert curve(folder) == curve(scratch)
        assert read_json(folder / "costs.json")["reference_steps"] == 256
        assert "reference_steps" not in read_json(scratch / "costs.json")

    def test_the_networks_are_those_that_scratch_begins_with(self, tmp_path, unbeatable):
        spec = guarded(task=DIAL, grid=(0, 31, 32, 33, 64, 128), episodes=1)
        found = {step: returns[0] for step, returns in curve(carry_out(spec, tmp_path, references=unbeatable)).items()}
        start = float(np.clip(forward(initial_networks(spec), "policy", [[1.0]])[0, 0], -10, 10))
        assert found[0] == found[31] == pytest.approx(start, rel=1e-5)
        assert found[32] != found[31], "up to its last step a point shows what was learned"
        assert found[33] == pytest.approx(start, rel=1e-5)
        assert found[64] not in (found[33], found[128])

    def test_it_does_not_repeat_what_it_did_before(self, tmp_path, unbeatable):
        spec = guarded(task=DIAL, grid=(0, 32, 64, 96, 128), episodes=1)
        found = curve(carry_out(spec, tmp_path, references=unbeatable))
        assert found[64] != found[32], "the same networks, with other random numbers"

    @pytest.mark.slow
    def test_what_was_carried_and_frozen_is_dropped(self, tmp_path, source, unbeatable, beaten):
        arm = ("fine_tune", {"freeze": ["policy_body", "value_body"], "critic_warmup_steps": 100})
        spec = arm_spec(run_spec(), source, arm, ("guard", GUARD))
        carried = read_networks(source / "agent" / "networks.safetensors")
        begun = flat(initial_networks(spec))
        folders = [
            carry_out(spec, tmp_path / name, source, references=theirs)
            for name, theirs in (("kept", beaten), ("anew", unbeatable))
        ]
        kept, anew = (flat(read_networks(folder / "agent" / "networks.safetensors")) for folder in folders)
        for name, array in flat(carried).items():
            if "_body/" in name:
                assert np.array_equal(kept[name], array), name
                assert not np.array_equal(anew[name], begun[name]), "it is trained"
                assert np.abs(anew[name] - begun[name]).max() < np.abs(anew[name] - array).max(), "it began elsewhere"

    def test_transitions_are_dropped_too(self, tmp_path, unbeatable):
        origin = carry_out(source_spec(dqn()), tmp_path / "source")
        spec = arm_spec(run_spec(dqn()), origin, ("replay", {"transitions": 50}), ("guard", GUARD))
        folder = carry_out(spec, tmp_path, origin, references=unbeatable, stop_after_segment=1)
        with np.load(folder / "checkpoints" / "replay-0001.npz") as rows:
            assert (int(rows["before"]), int(rows["added"])) == (0, 16), "32 steps in 2 environments since it began"

    @pytest.mark.slow
    def test_a_guide_goes_too_and_what_it_cost_stays(self, tmp_path, source, unbeatable, beaten):
        lead = ("jump_start", {"horizon": 6, "stages": 2, "window": 1000})
        spec = arm_spec(run_spec(), source, lead, ("guard", GUARD))
        kept, anew = (
            read_json(carry_out(spec, tmp_path / name, source, references=theirs) / "costs.json")
            for name, theirs in (("kept", beaten), ("anew", unbeatable))
        )
        assert kept["target_steps"] == anew["target_steps"] == 128
        assert 0 < anew["guide_steps"] < kept["guide_steps"]
        assert anew["teacher_calls"] == anew["guide_steps"]

    @pytest.mark.slow
    def test_what_was_drawn_and_guided_before_stays_counted(self, tmp_path, unbeatable):
        origin = carry_out(source_spec(dqn()), tmp_path / "source")
        others = [("replay", {"share": 0.5}), ("jump_start", {"horizon": 4, "variant": "random"})]
        spec = arm_spec(run_spec(dqn()), origin, *others, ("guard", GUARD))
        folder = carry_out(spec, tmp_path, origin, references=unbeatable)
        stopped = carry_out(spec, tmp_path / "stopped", origin, references=unbeatable, stop_after_segment=1)
        assert not (stopped / "status.json").exists()
        costs = read_json(folder / "costs.json")
        assert status(folder)["fell_back_at_step"] == 32
        assert costs["source_samples"] > 0
        assert costs["guide_steps"] > 0
        assert outputs(carry_out(spec, tmp_path / "stopped", origin, references=unbeatable)) == outputs(folder)

    def test_it_happens_once(self, tmp_path, unbeatable, capfd):
        carry_out(guarded(), tmp_path, references=unbeatable)
        said = re.findall(r"starts anew at step (\d+): behind scratch", capfd.readouterr().out)
        assert said == ["32"]

    def test_tensorboards_steps_never_go_back(self, tmp_path, unbeatable):
        folder = carry_out(guarded(), tmp_path, references=unbeatable)
        events = EventAccumulator(str(folder / "events"))
        events.Reload()
        for tag in events.Tags()["scalars"]:
            steps = [event.step for event in events.Scalars(tag)]
            assert all(earlier < later for earlier, later in pairwise(steps)), (tag, steps)
        assert [event.step for event in events.Scalars("train/loss")][-1] == 128
        assert [event.step for event in events.Scalars("guard/p_value")] == [32]


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        ppo(learning_rate="lin_0.02", normalize=True),
        pytest.param(dqn(n_step_returns=3), marks=pytest.mark.slow),
        pytest.param(tiny("sac"), marks=pytest.mark.slow),
    ],
    ids=["ppo", "dqn", "sac"],
)
def test_killed_before_and_after_it_the_bytes_are_the_same(config, tmp_path, unbeatable):
    spec = guarded(config)
    alone = outputs(carry_out(spec, tmp_path / "alone", references=unbeatable))
    for step in (16, 40, 72):
        root = tmp_path / str(step)
        with pytest.raises(KeyboardInterrupt):
            carry_out(spec, root, None, Interrupt(step), references=unbeatable)
        assert not (folder_of(spec, root) / "status.json").exists()
        assert outputs(carry_out(spec, root, references=unbeatable)) == alone
    stopped = carry_out(spec, tmp_path / "stopped", references=unbeatable, stop_after_segment=1)
    assert not (stopped / "status.json").exists()
    assert outputs(carry_out(spec, tmp_path / "stopped", references=unbeatable)) == alone


@pytest.mark.parametrize("config", [ppo(), dqn()], ids=["ppo", "dqn"])
def test_a_review_may_fall_on_the_end_of_a_segment(config, tmp_path, unbeatable):
    late = Named(name="guard", settings=GUARD | {"patience": 2})
    spec = run_spec(config, methods=(late,))
    assert spec.segment_steps == 64
    folder = carry_out(spec, tmp_path / "alone", references=unbeatable)
    assert status(folder)["fell_back_at_step"] == 64
    assert max(curve(folder)) == 128
    stopped = carry_out(spec, tmp_path / "stopped", references=unbeatable, stop_after_segment=1)
    assert not (stopped / "status.json").exists()
    assert outputs(carry_out(spec, tmp_path / "stopped", references=unbeatable)) == outputs(folder)


@pytest.mark.parametrize("algorithm", ["ppo", "dqn", "sac"])
def test_a_successor_has_the_costs_of_the_one_before_and_schedules_of_its_own(algorithm):
    config = tiny(algorithm, learning_rate="lin_0.02")
    first, second = learner(config), learner(config, seed=1)
    train(first, 64, horizon=128)
    first.close()
    second.succeed(first)
    assert (second.meter.steps, second.gradient_steps) == (64, first.gradient_steps)
    left = []

    def watch(charged, _):
        left.append((charged, second._model._current_progress_remaining))

    train(second, 128, horizon=128, watch=watch)
    second.close()
    assert second.meter.steps == 128
    assert second.gradient_steps > first.gradient_steps
    assert second._model.num_timesteps == 64, "the library counts from where it began"
    assert left[0] == (64, 1.0)
    assert left[-1][1] < 0.6


class TestEpisodes:
    def test_every_run_leaves_the_episodes_that_it_trained_on(self, tmp_path):
        folder = carry_out(run_spec(), tmp_path)
        episodes = read_episodes(folder)
        assert sum(episode.length for episode in episodes) <= 128
        assert [episode.step for episode in episodes] == sorted(episode.step for episode in episodes)
        assert all(0 < episode.step <= 128 and episode.length > 0 for episode in episodes)
        assert len(episodes) > 5

    def test_damaged_ones_are_named(self, tmp_path):
        (reference,) = handmade_references(tmp_path, [1.0])
        (reference / "episodes.csv").write_text("step,return,length\n1,a,1\n")
        with pytest.raises(StoreError, match=r"episodes\.csv: needs the columns step,return,length with numbers"):
            carry_out(guarded(), tmp_path / "run", references=[reference])
        (reference / "episodes.csv").unlink()
        with pytest.raises(StoreError, match=r"episodes\.csv"):
            carry_out(guarded(), tmp_path / "run", references=[reference])
