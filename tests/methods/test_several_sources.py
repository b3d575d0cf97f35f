"""What methods do with several sources: the numbers by hand."""

import math

import numpy as np
import pytest
from builders import Oracle, first_gradients, flat, knowledge_of, learner, tiny, train

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Knowledge, Transitions
from rl_transfer.learner import Guide, Steps
from rl_transfer.methods import build_methods
from rl_transfer.methods.policy_reuse import Bandit
from rl_transfer.study import Named, TaskConfig

BOX_WALK = TaskConfig(id="probes:Walk-v0", kwargs={"quits": 0.0, "continuous": True})
ONE_ACTION, OTHER_ACTION = [0.25, -0.75], [-0.5, 0.5]


def method(name, algorithm="dqn", **settings):
    return build_methods([Named(name=name, settings=settings)], algorithm)[0]


def several(**others):
    """Knowledge of a first source and further ones, each by its fields."""
    (name, first), *rest = others.items()
    return Knowledge(name=name, others={other: Knowledge(name=other, **what) for other, what in rest}, **first)


class TestShaping:
    def test_the_mean_of_the_potentials(self):
        shaped = []

        class Listener:
            discount = 0.5

            def reshape_rewards(self, reshape):
                shaped.append(reshape)

        teachers = [
            Oracle(values=lambda seen: np.array([1.0, 2.0]) if seen == "before" else np.array([4.0, 8.0])),
            Oracle(values=lambda seen: np.array([3.0, 6.0]) if seen == "before" else np.array([0.0, 100.0])),
        ]
        knowledge = several(first={"teacher": teachers[0]}, far={"teacher": teachers[1]})
        method("shaping", coefficient=10.0).attach(Listener(), knowledge, np.random.default_rng(0))
        for teacher in teachers:
            teacher.values_of = lambda seen, values=teacher.values: values(seen)
        ended = np.array([False, True])
        steps = Steps("before", "after", np.array([1.0, 1.0]), ended, np.zeros(2, bool))
        # Potentials 10 * (1 + 3) / 2 = 20 and 10 * (2 + 6) / 2 = 40 before, 10 * (4 + 0) / 2 = 20 and 0 after.
        assert shaped[0](steps).tolist() == [1 + 0.5 * 20 - 20, 1 - 40]


class TestElasticWeights:
    def test_the_gradients_of_the_penalties_add_up(self):
        def source(seed, fisher):
            agent = learner(tiny("ppo"), seed=seed)
            agent.close()
            found = knowledge_of(agent)
            same = {
                role: {name: np.full_like(array, fisher) for name, array in tensors.items()}
                for role, tensors in found.networks.items()
            }
            return {"networks": found.networks, "fisher": same}

        far, wide = source(1, 2.0), source(2, 3.0)
        settings = {"coefficient": 1000.0}

        def gradients(knowledge):
            agent = learner(tiny("ppo", max_grad_norm=1e9))
            if knowledge is not None:
                elastic = method("elastic_weights", "ppo", **settings)
                elastic.attach(agent, knowledge, np.random.default_rng(0))
            return first_gradients(agent)

        (plain, values), (both, _) = gradients(None), gradients(several(far=far, wide=wide))
        theirs, others = flat(far["networks"]), flat(wide["networks"])
        for name, value in values.items():
            pull = 1000.0 * (2.0 * (value - theirs[name]) + 3.0 * (value - others[name]))
            assert both[name] - plain[name] == pytest.approx(pull, rel=1e-3, abs=0.1), name

    def test_a_source_of_which_no_role_fits_is_named(self):
        agent, other = learner(tiny("dqn")), learner(tiny("dqn", net_arch=[4, 4]))
        for one in (agent, other):
            one.close()
        misfits = dict.fromkeys(("value_body", "value_head"), "too small")
        knowledge = knowledge_of(agent)
        far = Knowledge(name="far", algorithm="ppo", networks=other.networks(), misfits=misfits)
        with pytest.raises(ConfigError, match="no role of the source far fits the target: too small"):
            method("elastic_weights", roles=["value_body"]).transfer(
                agent, Knowledge(**{**vars(knowledge), "others": {"far": far}})
            )


def experience(count, reward):
    """So many transitions, all with the same reward."""
    return Transitions(
        observation_N=np.zeros((count, 2), np.float32),
        action_N=np.zeros((count, 1), np.int64),
        reward_N=np.full(count, reward, np.float32),
        next_observation_N=np.zeros((count, 2), np.float32),
        terminated_N=np.zeros(count, bool),
        truncated_N=np.zeros(count, bool),
        time_N=np.arange(count),
    )


class TestReplay:
    def filled(self, *counts, transitions=10_000, **settings):
        agent = learner(tiny("dqn", buffer_size=100, **settings))
        sources = {f"s{place}": {"experience": experience(count, place + 1)} for place, count in enumerate(counts)}
        fates = method("replay", transitions=transitions).transfer(agent, several(**sources))
        agent.close()
        rewards = agent.experience().reward_N.tolist()
        return [rewards.count(place + 1) for place in range(len(counts))], fates

    def test_an_equal_part_from_each(self):
        assert self.filled(80, 80, transitions=30, n_envs=1)[0] == [15, 15]
        assert self.filled(80, 80, 80, transitions=31, n_envs=1)[0] == [11, 10, 10]
        assert self.filled(80, 4, transitions=30, n_envs=1)[0] == [15, 4], "nobody makes up for another"

    def test_of_a_full_buffer_the_last_does_not_take_it_all(self):
        counts, fates = self.filled(500, 500)
        assert counts == [50, 50]
        assert [(fate.tensor, fate.from_shape, fate.to_shape) for fate in fates] == [
            ("transitions (s0)", (500,), (50,)),
            ("transitions (s1)", (500,), (50,)),
        ]

    def test_an_equal_part_of_the_share(self):
        agent = learner(tiny("dqn", batch_size=10, n_envs=1))
        sources = {f"s{place}": {"experience": experience(50, 100.0 * (place + 1))} for place in range(2)}
        method("replay", share=0.6).attach(agent, several(**sources), np.random.default_rng(0))
        train(agent, 16)
        batch = agent._model.replay_buffer.sample(1000).rewards.flatten().tolist()
        agent.close()
        assert (batch.count(100.0), batch.count(200.0)) == (300, 300)


class TestBandit:
    def test_by_hand(self):
        bandit = Bandit(["own", "far", "wide"], {}, tau=0.0, tau_step=0.5)
        assert list(bandit.probabilities().values()) == pytest.approx([1 / 3] * 3), "tau is 0"
        for name, reward_sum in (("own", 10.0), ("far", 30.0), ("own", 20.0), ("far", 50.0)):
            bandit.take(name, reward_sum)
        # tau 4 * 0.5 = 2; means 15 and 40 in returns from 10 to 50 are gains of 1/8 and 3/4; wide was not tried: 0.
        weights = [math.exp(2 * gain) for gain in (1 / 8, 3 / 4, 0.0)]
        expected = [weight / sum(weights) for weight in weights]
        assert list(bandit.probabilities().values()) == pytest.approx(expected)

    def test_returns_below_0_and_of_another_unit_are_the_same_choice(self):
        def after(unit, shift):
            bandit = Bandit(["own", "far"], {}, tau=1.0, tau_step=0.25)
            for name, reward_sum in (("own", 1.0), ("far", 3.0), ("own", 2.0)):
                bandit.take(name, reward_sum * unit + shift)
            return list(bandit.probabilities().values())

        assert after(1000.0, -5000.0) == pytest.approx(after(1.0, 0.0))

    def test_it_grows_greedy_and_never_overflows(self):
        bandit = Bandit(["own", "far"], {}, tau=0.0, tau_step=1.0)
        for _ in range(2000):
            bandit.take("own", 0.0)
            bandit.take("far", 1.0)
        assert list(bandit.probabilities().values()) == pytest.approx([0.0, 1.0])

    def test_equal_returns_are_drawn_evenly(self):
        bandit = Bandit(["own", "far"], {}, tau=5.0, tau_step=1.0)
        bandit.take("own", 3.0)
        assert list(bandit.probabilities().values()) == [0.5, 0.5]

    def test_it_goes_on_from_its_notes(self):
        notes = {}
        first = Bandit(["own", "far"], notes, tau=0.0, tau_step=1.0)
        first.take("own", 1.0)
        first.take("far", 4.0)
        again = Bandit(["own", "far"], dict(notes), tau=0.0, tau_step=1.0)
        assert again.probabilities() == first.probabilities()
        assert all(isinstance(value, float) for value in notes.values()), "a checkpoint holds numbers"


class TestPolicyReuse:
    def reused(self, steps=80, seed=0, n_envs=1, **settings):
        """The trained learner, and step by step and environment who acted: 1 and 2 for the teachers, 0 for itself."""
        agent = learner(tiny("sac", n_envs=n_envs, buffer_size=10_000, gradient_steps=0), BOX_WALK)
        teachers = {"first": {"teacher": Oracle(ONE_ACTION)}, "far": {"teacher": Oracle(OTHER_ACTION)}}
        settings = {"upsilon": 1.0} | settings
        method("policy_reuse", "sac", **settings).attach(agent, several(**teachers), np.random.default_rng(seed))
        train(agent, steps)
        agent.close()
        action_N = agent.experience().action_N
        who_N = np.zeros(len(action_N), int)
        for number, action in enumerate((ONE_ACTION, OTHER_ACTION), start=1):
            who_N[np.isclose(action_N, action).all(axis=1)] = number
        return agent, who_N.reshape(n_envs, -1, 10)

    def test_draw_by_draw(self):
        agent, found = self.reused(160, seed=3, tau_step=0.2)
        generator, notes = np.random.default_rng(3), {}
        bandit = Bandit(["own", "first", "far"], notes, tau=0.0, tau_step=0.2)
        for episode, reward in zip(found[0], agent.meter.episodes, strict=True):
            number = ["own", "first", "far"].index(bandit.choose(generator))
            assert (episode == number).all(), "with upsilon 1 it acts in all steps or in none"
            if number:
                generator.random(10)
            bandit.take(["own", "first", "far"][number], reward.reward_sum)
        assert len(set(found[0, :, 0])) == 3
        assert agent.notes("policy_reuse") == notes
        counts = {name: agent.counts[f"episodes_by_{name}"] for name in ("own", "first", "far")}
        assert sum(counts.values()) == 16 + 1, "one has begun after the last"

    def test_each_environment_asks_its_own(self):
        agent, found = self.reused(steps=320, n_envs=4, seed=1)
        assert {tuple(set(episode)) for member in found for episode in member} == {(0,), (1,), (2,)}
        together = found[:, :, 0].T
        assert any(len(set(row)) == 3 for row in together), "two teachers and the learner in the same step"
        notes, returns = agent.notes("policy_reuse"), {"own": [], "first": [], "far": []}
        episodes = iter(agent.meter.episodes)
        for row in together:
            for number in row:
                returns[["own", "first", "far"][number]].append(next(episodes).reward_sum)
        for name, found_ in returns.items():
            assert notes[f"episodes {name}"] == len(found_)
            assert notes[f"mean {name}"] == pytest.approx(np.mean(found_))

    @pytest.mark.slow
    def test_by_schedule_sources_are_drawn_evenly(self):
        _, found = self.reused(steps=2000, choice="schedule", reuse_share=1.0)
        episodes = found[0, :, 0].tolist()
        assert episodes.count(1) == pytest.approx(50, abs=20)
        assert episodes.count(2) == pytest.approx(50, abs=20)
        assert episodes[:20].count(0) < 5 < episodes[-20:].count(0)

    def test_one_source_may_be_chosen_by_returns(self):
        agent = learner(tiny("sac", n_envs=1, gradient_steps=0), BOX_WALK)
        knowledge = Knowledge(teacher=Oracle(ONE_ACTION))
        method("policy_reuse", "sac", choice="returns").attach(agent, knowledge, np.random.default_rng(0))
        train(agent, 40)
        agent.close()
        assert agent.counts["episodes_by_own"] + agent.counts["episodes_by_source"] == 5

    @pytest.mark.parametrize(
        ("choice", "setting"), [("returns", "reuse"), ("returns", "reuse_share"), ("schedule", "tau")]
    )
    def test_settings_of_another_choice_are_refused(self, choice, setting):
        with pytest.raises(ConfigError, match="belongs to choice") as caught:
            method("policy_reuse", choice=choice, **{setting: 0.25})
        assert caught.value.key == f"0.policy_reuse.{setting}"

    @pytest.mark.parametrize(("count", "setting"), [(2, "reuse"), (3, "reuse_share"), (1, "tau"), (1, "tau_step")])
    def test_so_are_those_of_the_choice_that_the_number_of_sources_does_not_make(self, count, setting):
        one = method("policy_reuse", **{setting: 0.25})
        one.check_sources(2 if count == 1 else 1)
        with pytest.raises(ConfigError, match="belongs to choice") as caught:
            one.check_sources(count)
        assert caught.value.key == setting


def test_a_guide_may_leave_out_who_asks():
    class Always(Guide):
        def begin(self, member):
            pass

        def acts(self, member, time):
            return True

    guide = Always(Oracle([1.0]), deterministic=True, generator=np.random.default_rng(0))
    assert guide.act(np.zeros((2, 3)), [0, 4]).tolist() == [[1.0], [1.0]]
