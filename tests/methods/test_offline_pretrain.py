"""Offline pretraining: what it trains on, the statistics by hand, and what a run says of it."""

import csv

import numpy as np
import pytest
from builders import Interrupt, arm_spec, carry_out, curve, dqn, learner, outputs, run_spec, source_spec, status, tiny

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Knowledge, Moments, Statistics, Transitions, estimate_statistics
from rl_transfer.methods import build_methods
from rl_transfer.study import Named


def method(**settings):
    return build_methods([Named(name="offline_pretrain", settings=settings)], "dqn")[0]


def episodes(*rewards_of_episodes):
    """Episodes with these rewards; observations count the transitions."""
    reward_N = np.concatenate([np.array(rewards, np.float32) for rewards in rewards_of_episodes])
    count = len(reward_N)
    ends = np.cumsum([len(rewards) for rewards in rewards_of_episodes]) - 1
    numbers = np.arange(count, dtype=np.float32)
    return Transitions(
        observation_N=np.stack([numbers, -2 * numbers], axis=1),
        action_N=np.zeros((count, 1), np.int64),
        reward_N=reward_N,
        next_observation_N=np.stack([numbers, numbers], axis=1),
        terminated_N=np.isin(np.arange(count), ends),
        truncated_N=np.zeros(count, bool),
        time_N=np.arange(count),
    )


SOME = episodes([1.0, 2.0], [4.0], [0.0, 0.0, 8.0])


@pytest.mark.parametrize(
    ("settings", "chosen"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"transitions": 4}, [2, 3, 4, 5]),
        ({"best_episodes": 0.5}, [2, 3, 4, 5]),  # returns 3, 4 and 8
        ({"best_episodes": 0.5, "transitions": 3}, [3, 4, 5]),
    ],
)
def test_it_trains_on_what_is_chosen(settings, chosen, monkeypatch):
    agent, given = learner(dqn()), []
    monkeypatch.setattr(agent, "pretrain", lambda *arguments, keep_entropy: given.append((*arguments, keep_entropy)))
    generator = np.random.default_rng(0)
    (fate,) = method(gradient_steps=7, **settings).pretrain(agent, Knowledge(experience=SOME), generator)
    agent.close()
    ((transitions, steps, source, losses, keeps),) = given
    assert transitions.observation_N[:, 0].tolist() == chosen
    assert (steps, source, losses, keeps) == (7, generator, (), False)
    assert (fate.role, fate.fate, fate.from_shape, fate.to_shape) == ("experience", "copied", (6,), (len(chosen),))
    assert fate.why.startswith("7 updates on them before the first step")


class TestStatistics:
    LIKE = Statistics({"": Moments(np.zeros(2), np.ones(2), 0.0)}, Moments(np.zeros(()), np.ones(()), 0.0))

    def test_by_hand(self):
        found = estimate_statistics(SOME, self.LIKE, discount=0.5)
        seen = found.observation[""]
        # 0 to 5: mean 2.5, variance 35/12; the other one is -2 times it.
        assert seen.mean == pytest.approx([2.5, -5.0])
        assert seen.var == pytest.approx([35 / 12, 35 / 3])
        # Sums up to each step: 1, 2 + 1/2; 4; 0, 0, 8. Mean 15.5 / 6, mean square 87.25 / 6... by hand:
        sums = [1.0, 2.5, 4.0, 0.0, 0.0, 8.0]
        assert found.reward.mean == pytest.approx(15.5 / 6)
        assert found.reward.var == pytest.approx(sum(x * x for x in sums) / 6 - (15.5 / 6) ** 2)
        assert seen.count == found.reward.count == 6

    def test_only_what_is_wanted(self):
        assert estimate_statistics(SOME, Statistics({}), 0.9) == Statistics({}, None)

    def test_by_key(self):
        keyed = vars(SOME) | {name: {"a": getattr(SOME, name)} for name in ("observation_N", "next_observation_N")}
        like = Statistics({"a": self.LIKE.observation[""]})
        found = estimate_statistics(Transitions(**keyed), like, 0.9)
        assert found.observation["a"].mean == pytest.approx([2.5, -5.0])
        assert found.reward is None

    def test_a_fresh_learner_starts_from_them(self):
        agent = learner(dqn(normalize=True, gamma=0.5))
        fates = method(gradient_steps=3).pretrain(agent, Knowledge(experience=SOME), np.random.default_rng(0))
        found = agent.statistics()
        agent.close()
        assert found.observation[""].mean == pytest.approx([2.5, -5.0])
        assert found.observation[""].count == 6
        assert found.reward.mean == pytest.approx(15.5 / 6)
        assert [(fate.tensor, fate.role, fate.to_shape) for fate in fates[1:]] == [
            ("observation", "statistics", (2,)),
            ("reward", "statistics", ()),
        ]

    def test_carried_ones_stay(self):
        agent = learner(dqn(normalize=True))
        agent.load_statistics(Statistics({"": Moments(np.array([1.0, 2.0]), np.array([3.0, 4.0]), 500.0)}))
        fates = method(gradient_steps=3).pretrain(agent, Knowledge(experience=SOME), np.random.default_rng(0))
        found = agent.statistics()
        agent.close()
        assert found.observation[""].mean.tolist() == [1.0, 2.0]
        assert [fate.tensor for fate in fates[1:]] == ["reward"]


def test_exploration_can_be_kept():
    rates = []
    for exploration in ("anew", "keep"):
        agent = learner(dqn())
        given = method(gradient_steps=3, exploration=exploration)
        given.pretrain(agent, Knowledge(experience=SOME), np.random.default_rng(0))
        rates.append(agent._model.exploration_schedule(1.0))
        agent.close()
    assert rates == [1.0, 0.05]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return carry_out(source_spec(dqn()), tmp_path_factory.mktemp("source"))


class TestRuns:
    SETTINGS = ("offline_pretrain", {"gradient_steps": 40})

    @pytest.mark.slow
    def test_it_is_there_at_step_0_and_counted(self, source, tmp_path):
        folder = carry_out(arm_spec(run_spec(dqn()), source, self.SETTINGS), tmp_path, source)
        scratch = carry_out(run_spec(dqn()), tmp_path)
        costs, theirs = outputs(folder)["costs"], outputs(scratch)["costs"]
        assert costs["offline_gradient_steps"] == 40
        assert "offline_gradient_steps" not in theirs
        assert costs["gradient_steps"] == theirs["gradient_steps"] > 0
        assert costs["target_steps"] == theirs["target_steps"] == 128
        (row,) = csv.DictReader((folder / "transfer.csv").read_text().splitlines())
        assert (row["tensor"], row["to_shape"]) == ("transitions to pretrain on", "100")

    @pytest.mark.slow
    def test_fine_tuned_networks_are_there_before_whatever_the_order(self, source, tmp_path, monkeypatch):
        seen = []

        def look(agent, *_, keep_entropy):
            seen.append({name: array.tobytes() for name, array in agent.networks()["value_body"].items()})

        monkeypatch.setattr("rl_transfer.learner.sb3.engine.SB3Learner.pretrain", look)
        for order in (["fine_tune", self.SETTINGS], [self.SETTINGS, "fine_tune"], [self.SETTINGS]):
            carry_out(arm_spec(run_spec(dqn()), source, *order), tmp_path, source)
        assert seen[0] == seen[1] != seen[2]

    @pytest.mark.slow
    def test_killed_while_it_pretrains(self, source, tmp_path, monkeypatch):
        spec = arm_spec(run_spec(dqn()), source, self.SETTINGS)
        alone = outputs(carry_out(spec, tmp_path / "alone", source))
        real, calls = __import__("stable_baselines3").DQN.train, iter(range(20))

        def train(self, *arguments):
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return real(self, *arguments)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("stable_baselines3.DQN.train", train)
            carry_out(spec, tmp_path / "killed", source)
        with pytest.raises(KeyboardInterrupt):
            carry_out(spec, tmp_path / "killed", source, Interrupt(80))
        assert outputs(carry_out(spec, tmp_path / "killed", source)) == alone

    def test_one_that_diverges_ends_at_step_0(self, source, tmp_path):
        spec = arm_spec(run_spec(dqn(learning_rate=1e30)), source, self.SETTINGS)
        folder = carry_out(spec, tmp_path, source)
        found = status(folder)
        assert (found["outcome"], found["failed_at_step"]) == ("diverged", 0)
        assert "no longer finite at step 0" in found["message"]
        assert curve(folder) == {}
        costs = outputs(folder)["costs"]
        assert costs["target_steps"] == costs["gradient_steps"] == 0
        assert 0 < costs["offline_gradient_steps"] < 40
        assert (folder / "transfer.csv").exists()
        assert not (folder / "checkpoints").exists()


@pytest.mark.parametrize(
    ("settings", "setting", "message"),
    [
        ({"gradient_steps": -1}, "gradient_steps", "greater than or equal to 0"),
        ({"transitions": -1}, "transitions", "greater than or equal to 0"),
        ({"best_episodes": 0.0}, "best_episodes", "greater than 0"),
        ({"exploration": "kepp"}, "exploration", "did you mean 'keep'"),
        ({"conservative_samples": 3}, "conservative_samples", "no actions are drawn"),
    ],
)
def test_bad_settings_are_named(settings, setting, message):
    with pytest.raises(ConfigError, match=message) as caught:
        method(**settings)
    assert caught.value.key == f"0.offline_pretrain.{setting}"


@pytest.mark.parametrize(
    "other", [Named(name="fine_tune", settings={"freeze": ["value_body"], "freeze_steps": 10}), "feature_extraction"]
)
def test_what_it_would_train_is_not_frozen(other):
    named = Named(name=other) if isinstance(other, str) else other
    with pytest.raises(ConfigError, match=f"offline_pretrain would train what {named.name} freezes") as caught:
        build_methods([Named(name="offline_pretrain"), named], "sac" if isinstance(other, str) else "dqn")
    assert caught.value.key == f"1.{named.name}"
    assert len(build_methods([Named(name="offline_pretrain"), Named(name="fine_tune")], tiny("sac").algorithm)) == 2


def test_shaped_rewards_beside_it_are_refused():
    with pytest.raises(ConfigError, match="the transitions that offline_pretrain carries hold rewards that shaping"):
        build_methods([Named(name="shaping"), Named(name="offline_pretrain")], "dqn")
