"""What source agents are asked without training: on agents and tasks for which the answers are known."""

import numpy as np
import pytest
from builders import BOX_WALK, WALK, carry_out, dqn, handmade_source, initial_networks, ppo, run_spec, source_spec, tiny

from rl_transfer.errors import ConfigError, EnvironmentFailedError
from rl_transfer.execute import probes
from rl_transfer.execute.probes import EPISODES, PROBED, probe, sample_agent
from rl_transfer.store import write_json
from rl_transfer.study import TaskConfig

OTHER_GOAL = TaskConfig(id="probes:Walk-v0", kwargs={"goal": 0})
TWO_STEPS = TaskConfig(id="probes:TwoSteps-v0")
FAILS = TaskConfig(id="probes:Fails-v0", kwargs={"at": 30})


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(probes, "SAMPLE_STEPS", 400)


def agent(root, spec=None, **changes):
    """A finished run with its initial networks, or others."""
    spec = spec or run_spec(ppo(), **changes)
    folder = handmade_source(root, spec, initial_networks(spec))
    write_json(folder / "status.json", {"status": "finished", "outcome": "completed"})
    return folder


def asked(source, baseline, task=WALK, seed=0, deterministic=True):
    ours, theirs = (sample_agent(folder, seed) for folder in (source, baseline))
    return probe(source, ours, task, theirs, None, deterministic=deterministic, seed=seed)


def test_a_sample_is_counted_reproducible_and_of_its_seed(tmp_path):
    folder = agent(tmp_path)
    first, again, other = (sample_agent(folder, seed) for seed in (0, 0, 1))
    assert first.steps == len(first.reward_N) == 400
    for name in ("observation_N", "action_N", "reward_N", "next_observation_N", "feature_NP"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (first.observation_N != other.observation_N).any()
    assert first.feature_NP.shape == (400, 8)


def test_a_sample_has_random_actions_among_the_agents(tmp_path, monkeypatch):
    spec, shares = run_spec(dqn()), {}  # which acts greedily
    folder, head = agent(tmp_path, spec=spec), initial_networks(spec)["value_head"]
    for share in (0.0, 1.0):
        monkeypatch.setattr(probes, "RANDOM_SHARE", share)
        sample = sample_agent(folder, 0)
        q = sample.feature_NP @ head["weight"].T + head["bias"]
        shares[share] = np.mean(q.argmax(axis=1) == sample.action_N)
    assert shares[0.0] == 1.0
    assert 0.4 < shares[1.0] < 0.6


def test_all_probes_of_one_agent(tmp_path):
    source, baseline = agent(tmp_path, role="source"), agent(tmp_path)
    found = asked(source, baseline)
    assert set(found.values) == set(PROBED) and not found.undefined
    assert EPISODES <= found.target_steps <= EPISODES * 10
    assert found == asked(source, baseline)


def test_an_agent_represents_the_target_as_itself(tmp_path):
    source, other = agent(tmp_path), agent(tmp_path, seed=1)
    assert asked(source, source).values["representation"] == pytest.approx(1.0)
    assert asked(source, other).values["representation"] < 0.999


def test_a_task_predicts_itself_better_than_one_with_another_reward(tmp_path):
    baseline = agent(tmp_path)
    same, other = (asked(agent(tmp_path, role="source", task=task), baseline) for task in (WALK, OTHER_GOAL))
    assert same.values["dynamics"] > other.values["dynamics"] + 0.2
    assert same.values["dynamics"] < 0.0


def valued(root, slope):
    """An agent of the two steps whose value is ``slope`` times the observation, nearly."""
    spec = source_spec(ppo(), task=TWO_STEPS)
    networks = initial_networks(spec)
    networks["value_body"] = {"0.weight": np.full((8, 1), 0.1, np.float32), "0.bias": np.zeros(8, np.float32)}
    networks["value_head"] = {"weight": np.full((1, 8), slope, np.float32), "bias": np.zeros(1, np.float32)}
    folder = handmade_source(root / str(slope), spec, networks)
    write_json(folder / "status.json", {"status": "finished", "outcome": "completed"})
    return folder


def test_values_agree_with_returns_as_far_as_they_order_them(tmp_path):
    # The returns are gamma at observation 0 and 1 at observation 1.
    right, wrong, flat = (asked(folder := valued(tmp_path, slope), folder, TWO_STEPS) for slope in (1.0, -1.0, 0.0))
    assert right.values["value_agreement"] == pytest.approx(1.0)
    assert wrong.values["value_agreement"] == pytest.approx(-1.0)
    assert flat.undefined["value_agreement"] == "all values are equal"


@pytest.mark.parametrize(("gamma", "steps"), [(0.99, 5), (0.4, 4), (1.0, 5), (0.0, 1)])
def test_states_that_the_time_limit_follows_too_soon_are_left_out(tmp_path, monkeypatch, gamma, steps):
    seen = {}
    monkeypatch.setattr(probes, "rank_agreement", lambda values, returns: seen.setdefault("states", len(values)) * 0.0)
    never_over = TaskConfig(id="probes:Walk-v0", kwargs={"quits": 0.0})
    folder = agent(tmp_path, spec=run_spec(ppo(gamma=gamma), task=never_over))
    found = asked(folder, folder, never_over)
    assert seen["states"] == EPISODES * (10 - steps)
    assert found.target_steps == EPISODES * 10


def test_equal_returns_have_no_order(tmp_path):
    always_the_same = TaskConfig(id="probes:Walk-v0", kwargs={"quits": 0.0, "reward": 1.0})
    folder = agent(tmp_path, task=always_the_same)
    assert asked(folder, folder, always_the_same).undefined["value_agreement"] == "all returns are equal"


@pytest.mark.parametrize("algorithm", ["sac", "td3", "tqc"])
def test_continuous_actions(tmp_path, algorithm):
    folder = agent(tmp_path, spec=run_spec(tiny(algorithm), role="source"))
    found = asked(folder, agent(tmp_path, task=BOX_WALK), BOX_WALK)
    assert set(found.values) == set(PROBED)


def test_what_can_not_be_modelled_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(probes, "image_shape", lambda _: (1, 8, 8))
    folder = agent(tmp_path)
    found = asked(folder, folder)
    assert found.undefined == {
        "dynamics": "a dynamics model of images is not part of this: only of vectors and discrete states"
    }


def test_a_failing_target_leaves_values_without_returns(tmp_path):
    source, baseline = agent(tmp_path, role="source"), agent(tmp_path)
    ours, theirs = (sample_agent(folder, 0) for folder in (source, baseline))
    task = TaskConfig(id="probes:Fails-v0", kwargs={"at": 3})
    found = probe(source, ours, task, theirs, None, deterministic=True, seed=0)
    assert "the floor gave way" in found.undefined["value_agreement"]
    with pytest.raises(EnvironmentFailedError):
        sample_agent(agent(tmp_path, role="source", task=FAILS), 0)


def test_a_run_without_an_agent_is_refused(tmp_path):
    folder = carry_out(run_spec(task=TaskConfig(id="probes:Fails-v0", kwargs={"at": 20})), tmp_path)
    with pytest.raises(ConfigError, match="left no agent"):
        sample_agent(folder, 0)
