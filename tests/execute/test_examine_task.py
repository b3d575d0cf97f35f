"""Environments with one planted defect each: the examination finds it, and nothing in those that have none."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from rich.console import Console

from rl_transfer.execute.examine_task import examine, same_task
from rl_transfer.study import Named, TaskConfig


class Honest(gymnasium.Env):
    """Random everywhere; its spaces belong to the class, as in many environments."""

    observation_space = spaces.Box(-10, 10, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def __init__(self, size=1.0, unused=3):
        self.size, self.time = size, 0

    def look(self):
        return (self.size * self.np_random.normal(size=2)).clip(-10, 10).astype(np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        self.seen = self.look()
        return self.seen, {}

    def step(self, action):
        self.time += 1
        reward = float((self.seen[0] > 0) == bool(action))
        self.seen = self.look()
        return self.seen, reward, bool(self.np_random.random() < 0.05), False, {}


class IgnoresSeed(Honest):
    def reset(self, *, seed=None, options=None):
        return super().reset()


class OtherGenerator(Honest):
    def look(self):
        return np.random.default_rng().normal(size=2).clip(-10, 10).astype(np.float32)


class Outside(Honest):
    def look(self):
        return super().look() + np.float32(20 * (self.time == 2))


class OtherType(Honest):
    def look(self):
        return super().look().astype(np.float64)


class Raises(Honest):
    def step(self, action):
        if self.time == 2:
            raise RuntimeError("the floor gave way\n" * 50)
        return super().step(action)


class Exits(Honest):
    def step(self, action):
        raise SystemExit(3)


class Leaks(Honest):
    resets = 0

    def reset(self, *, seed=None, options=None):
        self.resets += 1
        return super().reset(seed=seed)

    def step(self, action):
        observation, reward, *rest = super().step(action)
        return observation, reward + (self.resets > 15), *rest


class Rewards(Honest):
    def __init__(self, reward=float("inf")):
        super().__init__()
        self.reward = np.ones(1) if reward == "array" else reward

    def step(self, action):
        observation, reward, *rest = super().step(action)
        return observation, self.reward if self.time == 3 else reward, *rest


class Frozen(Honest):
    def look(self):
        return np.full(2, self.time, np.float32)

    def step(self, action):
        self.time += 1
        return self.look(), float(action), self.time == 10, False, {}


class Prints(Honest):
    def step(self, action):
        print("a step")
        return super().step(action)


class Swallows(Honest):
    def __init__(self, size=1.0, **kwargs):
        super().__init__(size=size)


for entry in (
    Swallows,
    Prints,
    Honest,
    IgnoresSeed,
    OtherGenerator,
    Outside,
    OtherType,
    Raises,
    Exits,
    Leaks,
    Rewards,
    Frozen,
):
    if f"examined/{entry.__name__}-v0" not in gymnasium.registry:
        gymnasium.register(f"examined/{entry.__name__}-v0", entry, max_episode_steps=100)


def task(name="Honest", *wrappers, **kwargs):
    return TaskConfig(id=f"examined/{name}-v0", kwargs=kwargs, wrappers=wrappers)


def found(task, outcome="problem"):
    return {one.check: one.text for one in examine("target", task) if one.outcome == outcome}


@pytest.mark.parametrize("env", ["CartPole-v1", "FrozenLake-v1", "Pendulum-v1", "examined/Honest-v0"])
def test_environments_in_order_pass_every_check(env):
    findings = list(examine("source", TaskConfig(id=env)))
    assert [(one.about, one.outcome, one.text) for one in findings] == [("source", "good", "")] * 4
    assert len({one.check for one in findings}) == 4


@pytest.mark.parametrize(
    ("name", "check", "says"),
    [
        ("IgnoresSeed", "same seed, same steps", "part at step 0: draw every random number from self.np_random"),
        ("OtherGenerator", "same seed, same steps", "part at step 0"),
        ("Outside", "observations, rewards", "at step 2 is not in Box(-10.0, 10.0, (2,), float32): correct the space"),
        ("OtherType", "observations, rewards", "at step 0 is not in"),
        ("Raises", "observations, rewards", "step 2 raised RuntimeError: the floor gave way"),
        ("Exits", "observations, rewards", "raised SystemExit: 3"),
        ("Leaks", "same seed, same steps", "a used environment parts from a new one at step 1: reset must"),
    ],
)
def test_a_planted_defect_is_found_and_said_in_one_line(name, check, says):
    text = found(task(name))[check]
    assert says in text
    assert "\n" not in text
    assert len(text) < 300


@pytest.mark.parametrize(
    ("reward", "says"),
    [(float("inf"), "gave the reward inf"), (float("nan"), "gave the reward nan"), ("array", "must be one number")],
)
def test_a_reward_that_is_no_finite_number_is_found(reward, says):
    assert (
        says in found(task("Rewards", reward=reward) if reward == "array" else _with(reward))["observations, rewards"]
    )


def _with(reward):
    name = f"examined/Rewards{reward}-v0"
    if name not in gymnasium.registry:
        gymnasium.register(name, Rewards, max_episode_steps=100, kwargs={"reward": reward})
    return TaskConfig(id=name)


def test_what_fails_is_said_once():
    assert len(list(examine("target", task("Raises")))) == 1


@pytest.mark.slow
def test_settings_without_effect_are_found_by_name():
    assert found(task(size=2.0)) == {}
    said = found(task(size=2.0, unused=4), "note")["every setting matters"]
    assert said.startswith("kwargs.unused: 4 changes nothing in 6000 random steps")


@pytest.mark.slow
def test_a_keyword_that_is_swallowed_unseen_is_a_problem():
    assert found(task("Swallows", size=2.0)) == {}
    said = found(task("Swallows", size=2.0, length=4))["every setting matters"]
    assert said.startswith("kwargs.length: 4 changes nothing, and no signature names it")


@pytest.mark.slow
def test_a_moved_goal_matters_though_random_actions_seldom_get_there():
    moved = TaskConfig(id="transfer/MountainCar-v0", kwargs={"goal_position": 0.4})
    assert found(moved, "note") == found(moved) == {}


def test_a_default_written_out_is_noted():
    (said,) = [one for one in examine("target", task(size=1.0)) if one.check == "every setting matters"]
    assert (said.outcome, said.text) == ("note", "kwargs.size: 1.0 is the default")


@pytest.mark.slow
def test_wrappers_without_effect_are_found_by_place():
    reverse, idle = Named(name="reverse_actions"), Named(name="scale_reward", settings={"factor": 1.0})
    assert found(task("Honest", reverse)) == {}
    assert found(task("Honest", reverse, idle), "note")["every setting matters"].startswith("wrappers.1: scale_reward")


def test_an_environment_without_chance_is_worth_a_note():
    assert found(task("Frozen")) == {}
    assert "nothing is random" in found(task("Frozen"), "note")["same seed, same steps"]


def test_tasks_that_can_not_be_told_apart():
    assert same_task(task(), task(size=1.0))
    assert not same_task(task(), task(size=2.0))
    assert not same_task(task(), TaskConfig(id="CartPole-v1"))
    assert not same_task(task(), TaskConfig(id="examined/Honest-v0", max_episode_steps=50))
    assert not same_task(task(), task("Raises"))


def test_time_limits_tell_tasks_apart_only_where_an_episode_reaches_one():
    def limited(name, limit):
        return TaskConfig(id=f"examined/{name}-v0", max_episode_steps=limit)

    assert same_task(limited("Frozen", 50), task("Frozen"))  # which ends by itself after ten steps
    assert not same_task(limited("Frozen", 9), task("Frozen"))
    assert not same_task(limited("Frozen", 10**5), limited("Frozen", 10**6))  # more steps than are tried
    assert "every setting matters" not in found(limited("Frozen", 9), "note")


def test_what_an_environment_prints_is_one_note(capsys):
    assert found(task("Prints"), "note") == {"output": "prints while it runs: nothing of that is shown here"}
    assert found(task(), "note") == {}
    assert capsys.readouterr().out == ""


def test_a_spinner_is_not_taken_for_the_environment(capsys):
    with Console(force_terminal=True).status("busy", refresh_per_second=100):
        assert found(task(), "note") == {}
    assert "busy" in capsys.readouterr().out
