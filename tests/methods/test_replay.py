"""Replay: what is chosen, where it goes, the share by hand, and what a run says of it."""

import csv

import gymnasium
import numpy as np
import pytest
from builders import arm_spec, as_bytes, carry_out, dqn, learner, outputs, run_spec, source_spec, tiny, train
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Knowledge, Transitions
from rl_transfer.methods import build_methods
from rl_transfer.study import Named, TaskConfig


@pytest.fixture(scope="module")
def experience():
    """A hundred transitions, none of them more."""
    source = learner(dqn())
    train(source, 104)
    source.close()
    return source.experience()


@pytest.mark.parametrize(
    ("asked_for", "target", "added", "fate", "left_out"),
    [
        (100, {}, 100, "copied", None),
        (10_000, {}, 100, "copied", None),
        (30, {}, 30, "copied", None),
        (10_000, {"buffer_size": 60}, 60, "copied", "40 left out: the buffer took 60 "),
        (7, {"n_envs": 2}, 6, "copied", "1 left out: the buffer took 6 (whole rows of one per environment"),
        (1, {"n_envs": 2}, 0, "dropped", "1 left out"),
        (0, {}, 0, "reinitialised", None),
    ],
)
def test_what_did_not_fit_is_told(experience, asked_for, target, added, fate, left_out):
    agent = learner(dqn(**target))
    method = build_methods([Named(name="replay", settings={"transitions": asked_for})], "dqn")[0]
    (row,) = method.transfer(agent, Knowledge(experience=experience))
    assert (row.tensor, row.role, row.fate, row.frozen) == ("transitions", "experience", fate, "no")
    assert (row.from_shape, row.to_shape) == ((100,), (added,))
    assert len(agent.experience()) == added
    assert f"{asked_for} newest asked for, 100 found" in row.why
    assert left_out in row.why if left_out else "left out" not in row.why
    agent.close()


def test_it_is_a_row_of_the_transfer_table(tmp_path):
    source = carry_out(source_spec(dqn()), tmp_path)
    folder = carry_out(arm_spec(run_spec(dqn(buffer_size=50)), source, "fine_tune", "replay"), tmp_path, source)
    rows = list(csv.DictReader((folder / "transfer.csv").read_text().splitlines()))
    assert {row["role"] for row in rows[:-1]} == {"value_body", "value_head", "exploration"}
    assert rows[-1] == {
        "tensor": "transitions",
        "role": "experience",
        "from_shape": "100",
        "to_shape": "50",
        "fate": "copied",
        "frozen": "no",
        "why": "10000 newest asked for, 100 found, 50 left out: "
        "the buffer took 50 (whole rows of one per environment, up to its size)",
    }


def method(**settings):
    return build_methods([Named(name="replay", settings=settings)], "dqn")[0]


def episodes(*lengths_and_rewards, time=None):
    """Episodes of constant rewards, the last of which is still running."""
    reward = np.concatenate([np.full(length, reward) for length, reward in lengths_and_rewards]).astype(np.float32)
    count = len(reward)
    ends = np.cumsum([length for length, _ in lengths_and_rewards]) - 1
    numbers = np.arange(count, dtype=np.float32)
    return Transitions(
        observation_N=np.stack([numbers, numbers], axis=1),
        action_N=np.zeros((count, 1), np.int64),
        reward_N=reward,
        next_observation_N=np.stack([numbers, numbers], axis=1),
        terminated_N=np.isin(np.arange(count), ends[:-1]),
        truncated_N=np.zeros(count, bool),
        time_N=np.arange(count) if time is None else np.asarray(time),
    )


class TestBestEpisodes:
    def test_by_return_not_by_reward(self):
        found = episodes((2, 3.0), (8, 1.0), (3, 1.5), (1, 5.0)).best_episodes(0.5)  # 6, 8, 4.5, 5
        assert found.reward_N.tolist() == [3.0] * 2 + [1.0] * 8
        assert found.observation_N[:, 0].tolist() == list(range(10))

    def test_the_number_is_rounded_up_and_the_newer_of_equals_is_taken(self):
        found = episodes((1, 2.0), (2, 1.0), (4, 0.5)).best_episodes(0.2)
        assert found.reward_N.tolist() == [0.5] * 4
        assert found.truncated_N.tolist() == [False] * 3 + [True], "it was still running"

    def test_environments_are_kept_apart(self):
        found = episodes((5, 1.0), (4, 0.0), time=[0, 1, 2, 0, 1, 2, 3, 4, 5])
        # 3 steps of the one environment, 2 + 4 of the other.
        best = found.best_episodes(0.3)
        assert best.observation_N[:, 0].tolist() == [0, 1, 2]
        assert best.truncated_N.tolist() == [False, False, True]

    def test_all_and_none(self):
        found = episodes((3, 1.0), (2, 0.0))
        assert found.best_episodes(1.0) is found
        assert len(found.map(lambda array: array[:0]).best_episodes(0.5)) == 0

    def test_they_are_chosen_before_the_newest(self):
        agent = learner(dqn(n_envs=1))
        knowledge = Knowledge(experience=episodes((4, 2.0), (4, 0.0)))
        (fate,) = method(best_episodes=0.5, transitions=3).transfer(agent, knowledge)
        assert agent.experience().reward_N.tolist() == [2.0] * 3
        agent.close()
        assert (fate.from_shape, fate.to_shape, fate.fate) == ((8,), (3,), "copied")
        assert fate.why == "3 newest asked for, 8 found, 3 of them in the best 50% of the episodes"


class TestShare:
    def test_it_changes_evenly_and_stays(self):
        found = method(share=0.8, share_end=0.2, decay_steps=100)
        assert [found.share_at(step) for step in (0, 25, 50, 100, 1000)] == pytest.approx([0.8, 0.65, 0.5, 0.2, 0.2])
        assert method(share=0.5).share_at(10**9) == 0.5

    def test_it_needs_the_transitions_to_the_end_only_where_it_mixes(self):
        for settings, keeps in (
            ({}, False),
            ({"share": 0.0}, False),
            ({"share": 0.1}, True),
            ({"share": 0.0, "share_end": 0.5, "decay_steps": 10}, True),
        ):
            assert method(**settings).keeps == (frozenset({"experience"}) if keeps else frozenset())

    def test_nothing_goes_into_the_buffer(self):
        agent = learner(dqn())
        knowledge = Knowledge(experience=episodes((4, 2.0), (4, 0.0)))
        found = method(share=0.5, share_end=0.25, decay_steps=90)
        (fate,) = found.transfer(agent, knowledge)
        assert len(agent.experience()) == 0
        found.attach(agent, knowledge, np.random.default_rng(0))
        assert agent.carried_transitions == 8
        agent.close()
        assert (fate.to_shape, fate.fate) == ((8,), "copied")
        assert fate.why == "10000 newest asked for, 8 found; 0.5 of every minibatch, 0.25 from step 90 on"

    def test_none_of_every_minibatch_is_none(self):
        agent = learner(dqn())
        (fate,) = method(share=0.0).transfer(agent, Knowledge(experience=episodes((4, 2.0))))
        agent.close()
        assert (fate.to_shape, fate.fate) == ((0,), "reinitialised")

    @pytest.mark.slow
    def test_a_run_counts_and_logs_what_it_drew(self, tmp_path):
        source = carry_out(source_spec(dqn()), tmp_path)
        spec = arm_spec(run_spec(dqn()), source, ("replay", {"share": 0.25}))
        folder = carry_out(spec, tmp_path, source)
        costs = outputs(folder)["costs"]
        assert costs["source_samples"] == 2 * costs["gradient_steps"] > 0
        assert costs["carried_transitions"] == 100, "counted once, not in every segment"
        scalars = EventAccumulator(str(folder / "events")).Reload().Scalars("share/source_samples")
        assert {event.value for event in scalars} == {0.25}
        scratch = outputs(carry_out(run_spec(dqn()), tmp_path))["costs"]
        assert scratch["source_samples"] == scratch["carried_transitions"] == 0


@pytest.mark.parametrize(
    ("settings", "setting", "message"),
    [
        ({"share": 1.2}, "share", "less than or equal to 1"),
        ({"share": -0.1}, "share", "greater than or equal to 0"),
        ({"share_end": 0.1, "decay_steps": 5}, "share_end", "set share"),
        ({"decay_steps": 5}, "decay_steps", "set share"),
        ({"share": 0.5, "share_end": 0.1}, "share_end", "with decay_steps"),
        ({"share": 0.5, "decay_steps": 5}, "decay_steps", "with share_end"),
        ({"best_episodes": 0.0}, "best_episodes", "greater than 0"),
        ({"transitions": -1}, "transitions", "greater than or equal to 0"),
        ({"share": 0.5, "model_steps": 10}, "model_steps", "no model is fitted"),
    ],
)
def test_bad_settings_are_named(settings, setting, message):
    with pytest.raises(ConfigError, match=message) as caught:
        method(**settings)
    assert caught.value.key == f"0.replay.{setting}"


class TestRelabelled:
    def test_the_target_s_rewards_are_mixed_in_and_choose_the_episodes(self):
        agent = learner(dqn(n_envs=1), TaskConfig(id="probes:Told-v0", kwargs={"worth": 2.0}))
        # Action 0 is wrong where the first number is above 0: the second episode is the better one there.
        seen = np.array([[1.0, 0.0], [1.0, 2.0], [-1.0, 0.0], [-1.0, 2.0]], np.float32)
        given = vars(episodes((2, 5.0), (2, 0.0))) | {"observation_N": seen, "next_observation_N": seen}
        (fate,) = method(relabel=True, best_episodes=0.5).transfer(agent, Knowledge(experience=Transitions(**given)))
        assert agent.experience().reward_N.tolist() == [2.0, 2.0]
        agent.close()
        assert fate.why.endswith("in the best 50% of the episodes; with the target's rewards")

    @pytest.mark.slow
    def test_the_same_in_every_segment(self, tmp_path):
        source = carry_out(source_spec(dqn()), tmp_path)
        task = TaskConfig(id="probes:Told-v0", kwargs={"worth": 3.0})
        found = [
            outputs(carry_out(arm_spec(run_spec(dqn(), task=task), source, ("replay", settings)), tmp_path, source))
            for settings in ({"share": 0.5}, {"share": 0.5, "relabel": True})
        ]
        assert found[0]["networks.safetensors"] != found[1]["networks.safetensors"]

    def test_a_target_that_can_not_is_refused_before_training(self):
        method(relabel=True).check_target(gymnasium.make("CartPole-v1"))
        method().check_target(gymnasium.make("FrozenLake-v1"))
        with pytest.raises(ConfigError, match="FrozenLakeEnv has no outcomes_of") as caught:
            method(relabel=True).check_target(gymnasium.make("FrozenLake-v1"))
        assert caught.value.key == "relabel"


LIKELIEST = {"share": 0.5, "likeliest": 0.25, "model_steps": 20}


class TestLikeliest:
    def test_when_the_model_is_fitted_and_to_what(self, monkeypatch):
        agent, fits = learner(dqn()), []
        agent.add_experience(episodes((6, 9.0)))

        def chosen(source, target, share):
            fits.append((agent.meter.steps, len(target), share))
            assert 9.0 not in target.reward_N, "what was put in is not the target's"
            return np.array([1])

        monkeypatch.setattr("rl_transfer.methods.replay.likeliest", chosen)
        knowledge = Knowledge(experience=episodes((30, 9.0)))
        method(**LIKELIEST).attach(agent, knowledge, np.random.default_rng(0))
        train(agent, 64)
        # Minibatches are drawn after every 8 steps from 16 on; 24, 40 and 64 are the first after 20, 40 and 60.
        assert fits == [(24, 24, 0.25), (40, 40, 0.25), (64, 64, 0.25)]
        method(**LIKELIEST).attach(agent, knowledge, np.random.default_rng(0))
        train(agent, 72, horizon=128)
        assert fits[3:] == [(72, 72, 0.25)], "a segment begins with a fit"
        agent.close()

    def test_all_are_drawn_before_and_few_after(self):
        agent = learner(dqn(buffer_size=2000, learning_starts=0))
        knowledge = Knowledge(experience=episodes((40, 9.0)))
        method(**LIKELIEST | {"model_steps": 64}).attach(agent, knowledge, np.random.default_rng(0))
        drawn = []
        for until in (56, 120):
            train(agent, until, horizon=120)
            batch = agent._model.replay_buffer.sample(1000)
            drawn.append(len(set(batch.observations[500:, 0].tolist())))
        agent.close()
        assert drawn == [40, 10]

    def test_it_says_so(self):
        agent = learner(dqn())
        (fate,) = method(**LIKELIEST).transfer(agent, Knowledge(experience=episodes((4, 2.0))))
        agent.close()
        assert fate.why.endswith("; the 25% that the target's dynamics make likeliest; 0.5 of every minibatch")

    @pytest.mark.parametrize("algorithm", ["dqn", "qrdqn", "sac", "tqc", "td3", "ddpg"])
    def test_every_off_policy_learner_can(self, algorithm):
        own = learner(tiny(algorithm), seed=4)
        train(own, 64)
        own.close()
        found = []
        for settings in ({"share": LIKELIEST["share"]}, LIKELIEST):
            agent = learner(tiny(algorithm))
            given = build_methods([Named(name="replay", settings=settings)], algorithm)[0]
            given.attach(agent, Knowledge(experience=own.experience()), np.random.default_rng(0))
            train(agent, 64)
            agent.close()
            found.append(as_bytes(agent.networks()))
        assert found[0] != found[1]

    @pytest.mark.parametrize(
        ("space", "message"),
        [
            (gymnasium.spaces.Discrete(5), "dynamics of Discrete observations"),
            (gymnasium.spaces.Box(0, 255, (8, 8, 3), np.uint8), "observations of uint8"),
            (gymnasium.spaces.Box(0, 1, (101,), np.float32), "observations of 101 numbers"),
        ],
        ids=["discrete", "picture", "long"],
    )
    def test_other_observations_are_refused_before_training(self, space, message):
        env = gymnasium.make("FrozenLake-v1").unwrapped
        env.observation_space = space
        with pytest.raises(ConfigError, match=message) as caught:
            method(**LIKELIEST).check_target(env)
        assert caught.value.key == "likeliest"
        method(**LIKELIEST).check_target(gymnasium.make("CartPole-v1"))

    @pytest.mark.parametrize(
        ("settings", "setting", "message"),
        [
            ({"likeliest": 0.5}, "likeliest", "set share"),
            ({"share": 0.5, "likeliest": 0.0}, "likeliest", "greater than 0"),
            ({"share": 0.5, "likeliest": 0.5, "model_steps": 0}, "model_steps", "greater than 0"),
            ({"relabel": 1}, "relabel", "must be a valid boolean"),
        ],
    )
    def test_bad_settings_are_named(self, settings, setting, message):
        with pytest.raises(ConfigError, match=message) as caught:
            method(**settings)
        assert caught.value.key == f"0.replay.{setting}"
