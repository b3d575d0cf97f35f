"""Tasks stepped side by side as arrays: evaluation and training give the same bytes as single environments do."""

import sys

import gymnasium
import numpy as np
import pytest
from builders import REGIME, arm_spec, carry_out, dqn, outputs, ppo, run_spec, source_spec, status, tiny
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from rl_transfer.errors import EnvironmentFailedError
from rl_transfer.learner.sb3.side_by_side import SideBySide, training_environments
from rl_transfer.study import Named, TaskConfig
from rl_transfer.tasks import Charged, Meter, TaskEnvironments, evaluate, make, vector_environment

EVALUATION = sys.modules["rl_transfer.tasks.evaluate"]

OURS = {
    "cartpole": TaskConfig(id="transfer/CartPole-v0", kwargs={"masspole": 0.7, "kinematics_integrator": "euler"}),
    "mountain car": TaskConfig(id="rl_transfer_envs:transfer/MountainCar-v0", kwargs={"hill_frequency": 2.5}),
    "acrobot": TaskConfig(id="transfer/Acrobot-v0", kwargs={"torques": [-2.0, 0.0, 2.5], "torque_noise_max": 0.5}),
    "pendulum": TaskConfig(id="transfer/Pendulum-v0", kwargs={"g": 5.0, "goal_angle": 0.3}),
}
PUBLIC = {
    "CartPole-v1": TaskConfig(id="CartPole-v1"),
    "CartPole-v1 with another reward": TaskConfig(id="CartPole-v1", kwargs={"sutton_barto_reward": True}),
    "MountainCar-v0": TaskConfig(id="MountainCar-v0"),
    "Acrobot-v1": TaskConfig(id="Acrobot-v1"),
    "Pendulum-v1": TaskConfig(id="Pendulum-v1"),
}
TASKS = OURS | PUBLIC
# Diverges at some step after the first, in some members only.
DIVERGES = TaskConfig(
    id="transfer/Acrobot-v0",
    kwargs={"torques": [0.0, 0.0, 3.0e5], "dt": 0.2, "max_vel_1": 1e9, "max_vel_2": 1e9},
    max_episode_steps=60,
)
# The cart leaves the finite numbers while the pole has not fallen yet.
OVERFLOWS = TaskConfig(
    id="transfer/CartPole-v0", kwargs={"force_mag": 1e300, "tau": 1e10, "x_threshold": 1e38}, max_episode_steps=60
)


def short(task, limit=40):
    return task.model_copy(update={"max_episode_steps": limit})


def act_on(task):
    """A policy of the observation alone that uses all actions; its batches are kept."""
    env = make(task)
    space = env.action_space
    env.close()

    def act(batch):
        seen.append(batch.tobytes())
        score = np.sin(1e4 * batch.astype(np.float64).sum(axis=1))
        if hasattr(space, "n"):
            return ((score + 1) / 2 * space.n).astype(np.int64).clip(0, space.n - 1)
        return (score[:, None] * 3).astype(np.float32)

    seen = []
    return act, seen


@pytest.fixture(params=[1, 10**9], ids=["side by side", "in turns"])
def fewest(request, monkeypatch):
    """Evaluation in either way."""
    monkeypatch.setattr(EVALUATION, "FEWEST_MEMBERS", request.param)
    return request.param


@pytest.fixture
def in_turns(monkeypatch):
    """A switch: from here on, neither evaluation nor training takes members side by side."""

    def switch():
        monkeypatch.setattr(EVALUATION, "FEWEST_MEMBERS", 10**9)
        monkeypatch.setattr(TaskEnvironments, "side_by_side", lambda self: None)

    return switch


class TestWhereItApplies:
    @pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
    def test_to_ours_and_to_those_that_ours_stand_in_for(self, task):
        env = vector_environment(task, 3, AutoresetMode.SAME_STEP)
        single = make(task)
        assert env.num_envs == 3
        assert env.single_observation_space == single.observation_space
        assert env.single_action_space == single.action_space

    @pytest.mark.parametrize(
        "task",
        [
            TaskConfig(id="probes:Walk-v0"),
            TaskConfig(id="MountainCarContinuous-v0"),
            TaskConfig(id="CartPole"),
            TaskConfig(id="NoSuchCar-v0"),
            TaskConfig(id="transfer/CartPole-v0", wrappers=[Named(name="reverse_actions")]),
            TaskConfig(id="transfer/CartPole-v0", kwargs={"gravty": 9.8}),
            TaskConfig(id="transfer/CartPole-v0", kwargs={"gravity": [9.8, 9.8, 9.8]}),
            TaskConfig(id="transfer/CartPole-v0", kwargs={"gravity": "strong"}),
            TaskConfig(id="transfer/CartPole-v0", kwargs={"num_envs": 2}),
            TaskConfig(id="transfer/CartPole-v0", kwargs={"render_mode": "rgb_array"}),
            TaskConfig(id="MountainCar-v0", kwargs={"goal_velocity": 0.01}),
            TaskConfig(id="Pendulum-v1", kwargs={"g": 9.81}),
        ],
        ids=str,
    )
    def test_not_to_others(self, task):
        assert vector_environment(task, 3, AutoresetMode.SAME_STEP) is None

    def test_not_to_an_id_that_somebody_else_took(self, monkeypatch):
        taken = EnvSpec("CartPole-v1", entry_point="probes:Walk", max_episode_steps=9)
        monkeypatch.setitem(gymnasium.registry, "CartPole-v1", taken)
        assert vector_environment(TaskConfig(id="CartPole-v1"), 3, AutoresetMode.SAME_STEP) is None

    def test_a_single_one_that_can_not_be_made_still_says_why(self, fewest):
        with pytest.raises(Exception, match="gravity must be a finite number"):
            evaluate(TaskConfig(id="transfer/CartPole-v0", kwargs={"gravity": [9.8, 9.8]}), len, range(2))


class TestEvaluation:
    @pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
    def test_same_episodes_and_the_same_questions(self, task, monkeypatch):
        found = []
        for few in (1, 10**9):
            monkeypatch.setattr(EVALUATION, "FEWEST_MEMBERS", few)
            act, seen = act_on(task)
            episodes = evaluate(short(task, 120), act, [7, 2**40, 7, 1, 12])
            found.append((episodes.return_E.tobytes(), episodes.length_E.tobytes(), seen))
        assert found[0] == found[1]
        assert len(set(map(len, found[0][2]))) > 1 or "cart" not in task.id.lower()

    @pytest.mark.parametrize(("task", "says"), [(DIVERGES, "FloatingPointError"), (OVERFLOWS, "not made of finite")])
    @pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")
    def test_same_failures(self, task, says, monkeypatch):
        found = []
        for few in (1, 10**9):
            monkeypatch.setattr(EVALUATION, "FEWEST_MEMBERS", few)
            with pytest.raises(EnvironmentFailedError, match=says) as error:
                evaluate(task, act_on(task)[0], range(20))
            found.append(str(error.value))
        assert found[0] == found[1]

    def test_no_episodes(self, fewest):
        assert evaluate(TASKS["cartpole"], len, []).steps == 0

    @pytest.mark.parametrize("seeds", [[3, -1, 4, 5]])
    def test_a_failing_reset(self, fewest, seeds):
        with pytest.raises(EnvironmentFailedError, match="reset raised Error: "):
            evaluate(TASKS["cartpole"], len, seeds)

    def test_another_number_of_actions_than_asked_for(self, fewest):
        with pytest.raises(ValueError, match=r"argument 2|given"):
            evaluate(TASKS["cartpole"], lambda batch: np.zeros(1, np.int64), range(3))

    def test_few_episodes_are_played_in_turns(self, monkeypatch):
        made = []
        monkeypatch.setattr(EVALUATION, "make", lambda task: made.append(make(task)) or made[-1])
        evaluate(TASKS["cartpole"], lambda batch: np.zeros(len(batch), int), range(EVALUATION.FEWEST_MEMBERS - 1))
        assert len(made) == EVALUATION.FEWEST_MEMBERS - 1
        evaluate(TASKS["cartpole"], lambda batch: np.zeros(len(batch), int), range(EVALUATION.FEWEST_MEMBERS))
        assert len(made) == EVALUATION.FEWEST_MEMBERS - 1


def environments(task, count, meter, **more):
    return TaskEnvironments(task, meter, lambda: Charged(make(task), meter), count, **more)


def untimed(infos):
    """Without the seconds that an episode took."""
    return [info | {"episode": {**info["episode"], "t": 0}} if "episode" in info else info for info in infos]


def as_text(infos):
    """Order of keys, types and all."""
    return [
        {key: value.tobytes() if isinstance(value, np.ndarray) else repr(value) for key, value in info.items()}
        for info in untimed(infos)
    ]


class TestTheLibrarysEnvironment:
    @pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
    def test_step_for_step_what_single_environments_give(self, task):
        task, meters = short(task, 23), (Meter(5), Meter(5))
        ours = training_environments(environments(task, 5, meters[0]))
        theirs = DummyVecEnv([lambda: Monitor(Charged(make(task), meters[1]))] * 5)
        assert isinstance(ours, SideBySide)
        assert (ours.observation_space, ours.action_space) == (theirs.observation_space, theirs.action_space)
        assert (ours.metadata, ours.render_mode) == ({"render_modes": []}, theirs.render_mode)
        act, _ = act_on(task)
        for seed in (3, None):
            for env in (ours, theirs):
                if seed is not None:
                    env.seed(seed)
            observation, monitored = theirs.reset(), []
            assert ours.reset().tobytes() == observation.tobytes()
            known = len(meters[0].episodes)
            for _ in range(70):
                actions = act(observation)
                found, expected = ours.step(actions), theirs.step(actions)
                observation = expected[0]
                for one, other in zip(found[:3], expected[:3], strict=True):
                    assert (one.dtype, one.tobytes()) == (other.dtype, other.tobytes())
                assert as_text(found[3]) == as_text(expected[3])
                monitored += [info["episode"] for info in expected[3] if "episode" in info]
                assert meters[0].steps == meters[1].steps
                assert meters[0].episodes == meters[1].episodes
            ended = meters[0].episodes[known:]
            assert len(ended) > 4
            assert [(round(one.reward_sum, 6), one.length) for one in ended] == [
                (one["r"], one["l"]) for one in monitored
            ]
        ours.close()
        theirs.close()

    def test_an_episode_longer_than_those_before_has_its_whole_return(self):
        task = TaskConfig(id="transfer/Pendulum-v0", max_episode_steps=137)
        ours = training_environments(environments(task, 4, Meter()))
        ours.seed(0)
        ours.reset()
        total = np.zeros(4)
        for _ in range(137):
            _, rewards, done, infos = ours.step(np.zeros((4, 1), np.float32))
            total += rewards
        assert done.all()
        assert [info["episode"]["r"] for info in infos] == pytest.approx(total.tolist(), rel=1e-5)
        assert [info["episode"]["l"] for info in infos] == [137] * 4

    @pytest.mark.parametrize(("task", "says"), [(DIVERGES, "FloatingPointError"), (OVERFLOWS, "not made of finite")])
    @pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")
    def test_failures_are_said_and_charged_alike(self, task, says):
        found = []
        for side_by_side in (True, False):
            meter = Meter(100)
            factories = environments(task, 20, meter)
            env = training_environments(factories if side_by_side else list(factories))
            assert isinstance(env, SideBySide) == side_by_side
            act, _ = act_on(task)
            env.seed(0)
            with pytest.raises(EnvironmentFailedError, match=says) as error:
                observation = env.reset()
                while True:
                    observation = env.step(act(observation))[0]
            found.append((str(error.value), meter.steps))
        assert found[0] == found[1]

    def test_few_and_other_tasks_are_taken_in_turns(self):
        for factories in (
            environments(TASKS["cartpole"], 3, Meter()),
            environments(TaskConfig(id="probes:Walk-v0"), 8, Meter()),
            list(environments(TASKS["cartpole"], 8, Meter())),
            environments(TASKS["cartpole"], 8, Meter())[:6],
        ):
            assert isinstance(training_environments(factories), DummyVecEnv)

    def test_what_it_can_not_do_it_refuses(self):
        env = training_environments(environments(TASKS["cartpole"], 4, Meter()))
        assert env.env_is_wrapped(Monitor) == [True] * 4
        assert env.env_is_wrapped(Charged, indices=[0, 1]) == [False] * 2
        with pytest.raises(AttributeError, match="gravity"):
            env.set_attr("gravity", 1.0)
        with pytest.raises(AttributeError, match="action_masks"):
            env.env_method("action_masks")
        env.set_options({"low": 0.0})
        with pytest.raises(ValueError, match="no options"):
            env.reset()


def spec_of(config, task, **changes):
    """A run of two segments whose rollouts end in the middle of episodes."""
    half = (16 if config.off_policy else 4) * config.rollout_steps
    return run_spec(config, task=short(task), segment_steps=half, grid=(0, half, 2 * half), episodes=4, **changes)


RUNS = {
    "ppo cartpole": (ppo(n_envs=4, normalize=True), TASKS["CartPole-v1"]),
    "a2c mountain car": (tiny("a2c", n_envs=5), TASKS["mountain car"]),
    "dqn acrobot": (dqn(n_envs=4, n_step_returns=3), TASKS["acrobot"]),
    "sac pendulum": (tiny("sac", n_envs=4, normalize=True), TASKS["Pendulum-v1"]),
}


class TestTraining:
    @pytest.mark.parametrize("name", RUNS)
    def test_the_same_bytes(self, name, tmp_path, in_turns, monkeypatch):
        spec = spec_of(*RUNS[name])
        taken = []
        reset = SideBySide.reset
        monkeypatch.setattr(SideBySide, "reset", lambda self: taken.append(self) or reset(self))
        found = carry_out(spec, tmp_path / "side by side")
        assert len(taken) == 2  # once a segment
        in_turns()
        expected = carry_out(spec, tmp_path / "in turns")
        assert len(taken) == 2
        assert status(expected)["outcome"] == "completed"
        assert outputs(found) == outputs(expected)

    @pytest.mark.slow
    def test_the_same_bytes_with_what_a_source_left(self, tmp_path, in_turns):
        config, task = ppo(n_envs=4, normalize=True), TASKS["cartpole"]
        values = {name: getattr(spec_of(config, task), name) for name in ("task", "segment_steps", "grid", "episodes")}
        found = []
        for way in ("side by side", "in turns"):
            source = carry_out(source_spec(config, **values), tmp_path / way / "source")
            arm = arm_spec(spec_of(config, task), source, ("fine_tune", REGIME))
            found.append(outputs(carry_out(arm, tmp_path / way, source)))
            in_turns()
        assert found[0] == found[1]

    def test_the_same_end_of_a_run_that_fails(self, tmp_path, in_turns):
        spec = spec_of(ppo(n_envs=4), DIVERGES).model_copy(update={"task": DIVERGES})
        found = carry_out(spec, tmp_path / "side by side")
        in_turns()
        expected = carry_out(spec, tmp_path / "in turns")
        assert status(found)["outcome"] == "environment_failed"
        assert outputs(found) == outputs(expected)

    def test_a_sham_trains_in_single_environments(self, tmp_path, monkeypatch):
        def refuse(self):
            raise AssertionError("a sham's rewards are shuffled around single environments")

        monkeypatch.setattr(TaskEnvironments, "side_by_side", refuse)
        spec = spec_of(ppo(n_envs=4), TASKS["cartpole"], role="source", sham=True)
        assert status(carry_out(spec, tmp_path))["outcome"] == "completed"
