"""Jump-start: who acts when, what is stored and charged, and when the next stage begins."""

import numpy as np
import pytest
from builders import (
    DIAL,
    Oracle,
    arm_spec,
    carry_out,
    curve,
    learner,
    ppo,
    run_spec,
    source_spec,
    tiny,
    train,
)
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Knowledge
from rl_transfer.learner import Guide, build_learner
from rl_transfer.learner.sb3.between import LedIn
from rl_transfer.learner.sb3.side_by_side import SideBySide
from rl_transfer.methods import build_methods
from rl_transfer.methods.jump_start import Curriculum
from rl_transfer.store import read_json
from rl_transfer.study import Named, TaskConfig
from rl_transfer.tasks import Charged, Episode, Meter, TaskEnvironments, make

LONG = TaskConfig(id="probes:Walk-v0", kwargs={"quits": 0.0})
LONG_BOX = TaskConfig(id="probes:Walk-v0", kwargs={"quits": 0.0, "continuous": True})
FOR_EVER = 10**6


def method(algorithm="ppo", **settings):
    return build_methods([Named(name="jump_start", settings=settings)], algorithm)[0]


def guided(agent, teacher=None, seed=0, **settings):
    teacher = teacher or Oracle(0)
    method(agent.algorithm, **settings).attach(agent, Knowledge(teacher=teacher), np.random.default_rng(seed))
    return teacher


def stages(returns, **settings):
    """The stage after each episode, read one by one, and all at once."""
    settings = {"stages": 4, "window": 2, "tolerance": 0.0} | settings
    episodes = [Episode(step, one, 1) for step, one in enumerate(returns)]
    reader = Curriculum(**settings)
    found = [reader.stage(episodes[: count + 1]) for count in range(len(episodes))]
    for count in range(len(episodes)):
        assert Curriculum(**settings).stage(episodes[: count + 1]) == found[count], "the log alone decides"
    return found


class TestTheCurriculum:
    def test_by_hand(self):
        # Means of two: 2 is the first best; 1.5 is below it; 3 is not; then only episodes of the new stage count.
        assert stages([1.0, 3.0, 0.0, 6.0, 9.0, 0.0, 6.0, 6.0]) == [0, 0, 0, 1, 1, 2, 2, 3]

    def test_it_ends_in_the_last_stage(self):
        assert stages([1.0] * 20, window=1) == [0, 1, 2, 3] + [3] * 16

    def test_it_waits_where_returns_stay_below_the_best(self):
        assert stages([5.0, 5.0, 4.9, 4.9, 4.9, 4.9]) == [0] * 6
        assert stages([5.0, 5.0, 4.9, 4.9, 4.9, 4.9], tolerance=0.05) == [0, 0, 1, 1, 2, 2]

    def test_the_tolerance_is_a_share_of_the_best_one_s_size(self):
        assert stages([-100.0, -104.0], window=1, tolerance=0.05) == [0, 1]
        assert stages([-100.0, -106.0], window=1, tolerance=0.05) == [0, 0]


class TestOffPolicy:
    @pytest.mark.parametrize("horizon", [1, 3, 8])
    def test_the_guide_takes_the_first_steps_and_they_are_stored(self, horizon):
        agent = learner(tiny("sac", learning_starts=0), LONG_BOX)
        teacher = guided(agent, Oracle([0.25, -0.75]), horizon=2 * horizon, stages=2, window=FOR_EVER)
        train(agent, 80)
        agent.close()
        own, actions = 0, agent.experience().action_N.reshape(2, -1, 2)  # episodes of 10 steps
        for time in range(40):
            first = time % 10 < horizon
            for member in range(2):
                assert np.allclose(actions[member, time], [0.25, -0.75]) == first, (member, time)
                own += not first
        assert agent.counts == {"guide_steps": 80 - own}
        assert teacher.calls == 80 - own
        assert agent.meter.steps == 80

    def test_box_actions_are_stored_scaled_to_their_bounds(self):
        agent = learner(tiny("sac"), DIAL)
        guided(agent, Oracle([5.0]), horizon=2, stages=2, window=FOR_EVER)
        train(agent, 16)
        agent.close()
        assert set(agent.experience().action_N.ravel().tolist()) == {0.5}
        assert {episode.reward_sum for episode in agent.meter.episodes} == {5.0}

    def test_it_sees_what_the_environment_shows(self):
        agent = learner(tiny("sac", normalize=True), LONG_BOX)
        teacher = guided(agent, Oracle([0.0, 0.0]), horizon=40, stages=2, window=FOR_EVER)
        train(agent, 32)
        agent.close()
        seen = np.concatenate(teacher.seen)
        stored = agent.experience().observation_N.reshape(2, -1, 2)
        assert np.array_equal(seen.reshape(-1, 2, 2).swapaxes(0, 1), stored)

    def test_stages_follow_the_episodes(self):
        agent = learner(tiny("dqn", n_envs=1), LONG)
        guided(agent, Oracle(0), horizon=9, stages=3, window=1, tolerance=100.0)
        train(agent, 80)
        agent.close()
        # 6 steps in the first episode, whose return is the first best, and in the second; then 3, then none.
        assert agent.counts["guide_steps"] == 6 + 6 + 3


class Turns(Guide):
    """Leads in for so many steps."""

    def __init__(self, steps, action=0):
        super().__init__(Oracle(action), deterministic=True, generator=np.random.default_rng(0))
        self.steps, self.begun = steps, 0

    def begin(self, member):
        self.begun += 1

    def acts(self, member, time):
        return time < self.steps


def led_in(task, steps, limit=None):
    meter, counted = Meter(), []
    meter.limit = limit
    env = LedIn(Charged(make(task), meter), Turns(steps), 0, counted.append)
    return env, meter, counted


class TestOnPolicy:
    def test_the_learner_sees_what_comes_after_the_guide(self):
        env, meter, counted = led_in(TaskConfig(id="probes:TwoSteps-v0"), 1)
        observation, _ = env.reset(seed=0)
        assert (observation.tolist(), meter.steps, sum(counted)) == ([1.0], 1, 1)
        _, reward, terminated, _, _ = env.step(0)
        assert (reward, terminated) == (1.0, True)
        assert meter.episodes == [Episode(2, 1.0, 2)], "the whole episode"

    def test_an_episode_that_ends_under_the_guide_is_followed_by_half_of_it(self):
        env, meter, counted = led_in(LONG, 50)
        env.reset(seed=0)
        assert [episode.length for episode in meter.episodes] == [10]
        assert meter.steps == sum(counted) == 10 + 5
        assert sum(1 for _ in iter(lambda: env.step(0)[3], True)) == 4, "five are left, the last one is cut"

    def test_the_learner_s_turn_comes_where_every_episode_is_a_step(self):
        env, meter, _ = led_in(DIAL, 3)
        env._guide._teacher.action = np.array([1.0])
        env.reset(seed=0)
        assert meter.steps == 1

    @pytest.mark.parametrize("algorithm", ["ppo", "a2c", "trpo"])
    def test_what_is_learned_from_begins_after_the_guide(self, algorithm):
        agent = learner(tiny(algorithm), LONG)
        guided(agent, horizon=8, stages=2, window=FOR_EVER)
        times = []

        def watch(charged, after):
            times.append((charged, [env.get_wrapper_attr("time") for env in agent._between.venv.envs]))

        train(agent, 128, watch=watch)
        agent.close()
        # Each member begins at time 4; 16 of its own steps are two episodes of 6 and four steps of the third.
        assert times[0] == (8, [4, 4])
        # The watcher is told again before the update, which uses more steps than it was told of.
        assert times[1:3] == [(8, [8, 8]), (8 + 32 + 16, [8, 8])]

    def test_charged_to_the_step(self):
        agent = learner(ppo(), LONG)
        guided(agent, horizon=8, stages=2, window=FOR_EVER)
        train(agent, 121, horizon=300)
        # Two rollouts of 32 own steps; with the guide's they end at 8 + 32 + 16 and at 56 + 32 + 24.
        assert agent.meter.steps == 121
        assert agent.gradient_steps == 2 * 2 * 2
        # Of the last nine, seven are own ones, and two the guide's that begins the first member's next episode.
        assert agent.counts == {"guide_steps": 8 + 16 + 24 + 2, "discarded_steps": 7}
        train(agent, 300, horizon=300, seed=2)
        agent.close()
        assert agent.meter.steps == 300

    def test_a_segment_ends_with_its_last_rollout_and_the_budget_to_the_step(self):
        agent = learner(ppo(), LONG)
        guided(agent, horizon=8, stages=2, window=FOR_EVER)
        for until, expected in ((20, 8 + 32 + 16), (40, 56), (60, 112), (120, 150)):
            agent.train(until=until, horizon=150, budget=150, seed=1, watch=lambda *_: None)
            assert agent.meter.steps == expected
        agent.close()
        assert agent.gradient_steps == 2 * 2 * 2
        # The last 38: four own steps of each member, two times four of the guide, six, eight of the guide, one.
        assert agent.counts == {"guide_steps": 8 + 16 + 24 + 8 + 8, "discarded_steps": 8 + 12 + 2}

    def test_members_side_by_side_become_single_ones(self):
        task, meter = TaskConfig(id="transfer/CartPole-v0", max_episode_steps=12), Meter()
        factories = TaskEnvironments(task, meter, lambda: Charged(make(task), meter), 4)
        agent = build_learner(ppo(n_envs=4), factories, meter, seed=0)
        assert isinstance(agent._between.venv, SideBySide)
        guided(agent, horizon=6, stages=2)
        train(agent, 96)
        agent.close()
        assert meter.steps == 96 and agent.counts["guide_steps"] > 0

    def test_where_the_guide_leaves_off_decides_what_is_learned(self):
        found = []
        for action in (0, 1):
            agent = learner(ppo(), TaskConfig(id="transfer/CartPole-v0", max_episode_steps=20))
            guided(agent, Oracle(action), horizon=10, stages=2, window=FOR_EVER)
            train(agent, 96)
            agent.close()
            found.append(agent.networks()["value_head"]["weight"].tobytes())
        assert found[0] != found[1]


@pytest.mark.slow
def test_every_change_of_the_horizon_is_recorded_once(tmp_path):
    source = carry_out(source_spec(tiny("dqn")), tmp_path)
    lead = ("jump_start", {"horizon": 6, "stages": 3, "window": 1, "tolerance": 100.0})
    spec = arm_spec(run_spec(tiny("dqn"), segment_steps=16), source, lead)
    events = EventAccumulator(str(carry_out(spec, tmp_path, source) / "events")).Reload()
    found = [(event.step, event.value) for event in events.Scalars("jump_start/horizon")]
    assert [value for _, value in found] == [4.0, 2.0, 0.0]
    assert found[0][0] == 0 < found[1][0] < found[2][0]


def test_random_switching_draws_a_stage_for_each_episode():
    agent = learner(tiny("dqn", n_envs=1, buffer_size=1000), LONG)
    guided(agent, Oracle(0), horizon=9, stages=3, variant="random", seed=4)
    train(agent, 400)
    agent.close()
    draws = np.random.default_rng(4).integers(3, size=40)
    assert set(draws.tolist()) == {0, 1, 2}
    assert agent.counts["guide_steps"] == sum([6, 3, 0][draw] for draw in draws)


def test_by_default_it_begins_with_the_guide_s_own_episodes():
    agent = learner(tiny("dqn", n_envs=1), LONG)
    guided(agent, Oracle(0, length=6.4), stages=2, window=FOR_EVER)
    train(agent, 40)
    agent.close()
    assert agent.counts["guide_steps"] == 4 * 3, "6 steps, less the first of two parts"


def test_a_point_shows_the_policy_of_updates_that_used_only_the_steps_before(tmp_path):
    source = carry_out(source_spec(task=DIAL), tmp_path)
    settings = {"horizon": 2, "stages": 2, "window": FOR_EVER}
    spec = run_spec(task=DIAL, grid=(0, 33, 64, 65, 66, 67, 128), episodes=1, segment_steps=128)
    folder = carry_out(arm_spec(spec, source, ("jump_start", settings)), tmp_path, source)
    found = {step: returns[0] for step, returns in curve(folder).items()}
    # Every episode is one step, and every second one is the guide's: 32 own steps and 34 of the guide.
    assert found[0] == found[33] == found[64] == found[65]
    assert found[66] == found[67] == found[128] != found[65], "the second rollout does not fit"
    costs = read_json(folder / "costs.json")
    assert (costs["target_steps"], costs["guide_steps"], costs["discarded_steps"]) == (128, 65, 31)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_a_run_is_charged_exactly(algorithm, tmp_path):
    source = carry_out(source_spec(tiny(algorithm)), tmp_path)
    spec = arm_spec(run_spec(tiny(algorithm)), source, ("jump_start", {"horizon": 4, "stages": 2}))
    costs = read_json(carry_out(spec, tmp_path, source) / "costs.json")
    assert costs["target_steps"] == 128
    assert 0 < costs["guide_steps"] < 128
    assert costs["teacher_calls"] == costs["guide_steps"]


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"variant": "fixed"}, "variant"),
        ({"horizon": -1}, "horizon"),
        ({"stages": 1}, "stages"),
        ({"tolerance": -0.1}, "tolerance"),
        ({"window": 0}, "window"),
    ],
)
def test_bad_settings_are_named(settings, key):
    with pytest.raises(ConfigError) as caught:
        method(**settings)
    assert caught.value.key == f"0.jump_start.{key}"


def test_two_guides_are_refused():
    with pytest.raises(ConfigError, match="jump_start decides what policy_reuse does: remove one of them") as caught:
        build_methods([Named(name="jump_start"), Named(name="policy_reuse")], "dqn")
    assert caught.value.key == "1.policy_reuse"
    assert len(build_methods([Named(name="jump_start"), Named(name="fine_tune"), Named(name="shaping")], "ppo")) == 3
