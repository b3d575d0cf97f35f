"""The NumPy-vectorised environments: bit for bit a SyncVectorEnv of the single ones, and much faster."""

import copy
import importlib.util
import inspect
import pickle
import statistics
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from hypothesis import given, settings
from hypothesis import strategies as st

import rl_transfer_envs
from rl_transfer_envs.vector import MembersEnv
from rl_transfer_envs.vector._powers import scalar_squares, squares

IDS = [env_id for env_id in rl_transfer_envs.environment_ids() if gymnasium.spec(env_id).vector_entry_point]
MODES = [mode.value for mode in AutoresetMode]
SCRIPT = Path(__file__).parents[2] / "scripts" / "measure_vector_speed.py"

# Where each keyword is drawn from; a third of the members keep the default.
RANGES = {
    "transfer/CartPole-v0": {
        "gravity": (-5, 30),
        "masscart": (0.1, 5),
        "masspole": (0.01, 3),
        "length": (0.1, 3),
        "force_mag": (1, 50),
        "tau": (0.001, 0.1),
        "kinematics_integrator": ["euler", "semi-implicit euler"],
        "theta_threshold": (0.1, 3),
        "x_threshold": (0.5, 5),
        "start_spread": (0, 0.1),
        "sutton_barto_reward": [False, True],
    },
    "transfer/MountainCar-v0": {
        "force": (0.0005, 0.004),
        "gravity": (-0.001, 0.005),
        "hill_frequency": (1, 6),
        "goal_position": (0.1, 0.55),
        "goal_velocity": (0, 0.02),
        "min_position": (-1.5, -1),
        "max_position": (0.56, 1),
        "max_speed": (0.03, 0.1),
        "start_low": (-0.9, -0.6),
        "start_high": (-0.5, 0),
    },
    "transfer/Acrobot-v0": {
        "gravity": (-5, 20),
        "link_length_1": (0.3, 2),
        "link_length_2": (0.3, 2),
        "link_mass_1": (0.3, 3),
        "link_mass_2": (0.3, 3),
        "link_com_pos_1": (0, 1),
        "link_com_pos_2": (0, 1),
        "link_moi": (0.5, 2),
        "max_vel_1": (3, 15),
        "max_vel_2": (3, 30),
        "torques": [[-1.0, 0.0, 1.0], [-3.0, 0.5, 2.0]],
        "torque_noise_max": [0.0, 0.0, 0.7],
        "dt": (0.05, 0.2),
        "book_or_nips": ["book", "nips"],
        "goal_height": (-1, 2),
        "start_spread": (0, 3),
    },
    "transfer/Pendulum-v0": {
        "g": (-5, 20),
        "m": (0.2, 3),
        "l": (0.2, 3),
        "dt": (0.01, 0.2),
        "max_speed": (3, 20),
        "max_torque": (0.5, 3),
        "start_angle": (0, 3),
        "start_speed": (0, 2),
        "goal_angle": (-3, 3),
        "angle_cost": (0, 2),
        "speed_cost": (0, 1),
        "torque_cost": (0, 1),
    },
}


def single_class(env_id):
    return gymnasium.envs.registration.load_env_creator(gymnasium.spec(env_id).entry_point)


def drawn(env_id, members, seed, *, without=()):
    """Settings with a value for each member."""
    generator = np.random.default_rng(seed)
    defaults = inspect.signature(single_class(env_id)).parameters
    found = {}
    for name, values in RANGES[env_id].items():
        if name in without:
            continue
        if isinstance(values, tuple):
            column = generator.uniform(*values, members).tolist()
            column[::3] = [defaults[name].default] * len(column[::3])
        else:
            column = [values[int(index)] for index in generator.integers(len(values), size=members)]
        found[name] = column
    return found


def of_member(env_settings, member):
    return {name: column[member] for name, column in env_settings.items()}


def both(env_id, env_settings, members, mode="NextStep", limit=25):
    """The SyncVectorEnv of single environments, and ours."""

    def single(member):
        return lambda: gymnasium.make(
            env_id, max_episode_steps=limit, disable_env_checker=True, **of_member(env_settings, member)
        )

    theirs = SyncVectorEnv(list(map(single, range(members))), observation_mode="different", autoreset_mode=mode)
    ours = gymnasium.make_vec(
        env_id,
        num_envs=members,
        vectorization_mode="vector_entry_point",
        max_episode_steps=limit,
        autoreset_mode=mode,
        **env_settings,
    )
    return theirs, ours


def as_bytes(value):
    """Everything in what reset and step return, byte for byte."""
    if isinstance(value, dict):
        return {key: as_bytes(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [as_bytes(entry) for entry in value]
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [as_bytes(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return value


def states(env):
    return [generator.bit_generator.state for generator in env.np_random]


def compare(theirs, ours, steps, seed, after=lambda over: None):
    """Same actions, same everything; returns how many episodes ended."""
    assert as_bytes(ours.reset(seed=seed)) == as_bytes(theirs.reset(seed=seed))
    ours.action_space.seed(seed)
    episodes = 0
    for _ in range(steps):
        actions = ours.action_space.sample()
        expected = theirs.step(actions)
        assert as_bytes(ours.step(actions)) == as_bytes(expected)
        over = expected[2] | expected[3]
        episodes += int(over.sum())
        if over.any() and theirs.autoreset_mode is AutoresetMode.DISABLED:
            assert as_bytes(ours.reset(options={"reset_mask": over})) == as_bytes(
                theirs.reset(options={"reset_mask": over})
            )
    assert states(ours) == states(theirs)
    assert ours.np_random_seed == theirs.np_random_seed
    return episodes


def test_the_four_tasks_have_a_vectorised_environment():
    assert sorted(RANGES) == IDS


@pytest.mark.parametrize("env_id", IDS)
def test_the_tests_below_change_every_keyword(env_id):
    assert RANGES[env_id].keys() == inspect.signature(single_class(env_id)).parameters.keys() - {"render_mode"}


# Members whose action spaces differ are more than SyncVectorEnv can do; they are compared one by one below.
@pytest.mark.parametrize("changed", [False, True], ids=["defaults", "changed"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", IDS)
class TestEqualsSingles:
    def test_step_for_step(self, env_id, mode, changed):
        env_settings = drawn(env_id, 7, 1, without={"max_torque"}) if changed else {}
        theirs, ours = both(env_id, env_settings, 7, mode)
        for kind in ("observation_space", "single_observation_space", "action_space", "single_action_space"):
            assert getattr(ours, kind) == getattr(theirs, kind)
        assert ours.metadata["autoreset_mode"] is theirs.metadata["autoreset_mode"]
        assert compare(theirs, ours, 90, 5) > 14

    @pytest.mark.slow
    def test_step_for_step_for_long(self, env_id, mode, changed):
        env_settings = drawn(env_id, 40, 2, without={"max_torque"}) if changed else {}
        limit = 60 if changed else gymnasium.spec(env_id).max_episode_steps
        assert compare(*both(env_id, env_settings, 40, mode, limit), 550, 11) >= 40


def test_each_member_has_its_own_torque_limit():
    limits = [0.5, 1.0, 2.0]
    ours = gymnasium.make_vec("transfer/Pendulum-v0", num_envs=3, max_torque=limits)
    assert ours.action_space.high[:, 0].tolist() == limits
    singles = [gymnasium.make("transfer/Pendulum-v0", max_torque=limit) for limit in limits]
    ours.reset(seed=3)
    for member, env in enumerate(singles):
        env.reset(seed=3 + member)
    actions = np.float32([[2.0], [-1.5], [1.2]])
    for _ in range(50):
        found = ours.step(actions)
        expected = [env.step(action) for env, action in zip(singles, actions, strict=True)]
        assert found[0].tobytes() == np.stack([step[0] for step in expected]).tobytes()
        assert found[1].tolist() == [step[1] for step in expected]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
def test_the_pendulum_computes_with_the_precision_of_the_actions(dtype):
    theirs, ours = both("transfer/Pendulum-v0", drawn("transfer/Pendulum-v0", 4, 3, without={"max_torque"}), 4)
    actions = np.random.default_rng(0).uniform(-3, 3, (60, 4, 1)).astype(dtype)
    assert as_bytes(ours.reset(seed=0)) == as_bytes(theirs.reset(seed=0))
    for action in actions:
        assert as_bytes(ours.step(action)) == as_bytes(theirs.step(action))


@pytest.mark.parametrize("env_id", IDS)
class TestSeedsAndResets:
    def test_lists_of_seeds_and_generators_that_run_on(self, env_id):
        theirs, ours = both(env_id, {}, 3)
        for seeds in ([5, 5, 9], [None, 3, None], None, 4):
            assert as_bytes(ours.reset(seed=seeds)) == as_bytes(theirs.reset(seed=seeds))
        assert states(ours) == states(theirs)

    def test_without_a_seed_members_differ(self, env_id):
        _, ours = both(env_id, {}, 3)
        observation, _ = ours.reset()
        assert len(np.unique(observation, axis=0)) == 3

    def test_options_are_the_single_environment_s(self, env_id):
        theirs, ours = both(env_id, {}, 3)
        options = {"x_init": 0.5, "y_init": 0.1} if "Pendulum" in env_id else {"low": -0.02, "high": 0.03}
        ours.reset(seed=1)
        theirs.reset(seed=1)
        assert as_bytes(ours.reset(options=options)) == as_bytes(theirs.reset(options=options))
        assert as_bytes(ours.reset()) == as_bytes(theirs.reset())
        mask = np.array([True, False, True])
        masked = {"reset_mask": mask} | options
        assert as_bytes(ours.reset(seed=7, options=dict(masked))) == as_bytes(
            theirs.reset(seed=7, options=dict(masked))
        )
        assert "reset_mask" in masked
        assert compare(theirs, ours, 40, 2) > 0

    def test_a_generator_that_somebody_holds_does_not_run_ahead(self, env_id):
        theirs, ours = both(env_id, {}, 2, limit=3)
        ours.reset(seed=0)
        theirs.reset(seed=0)
        ours.action_space.seed(0)
        held = [env.np_random for env in (ours, theirs)]
        for _ in range(30):
            actions = ours.action_space.sample()
            assert as_bytes(ours.step(actions)) == as_bytes(theirs.step(actions))
            assert held[0][1].integers(10) == held[1][1].integers(10)
            assert held[0][0].random(dtype=np.float32) == held[1][0].random(dtype=np.float32)

    def test_copies_go_on_alike(self, env_id):
        ours = gymnasium.make_vec(env_id, num_envs=5, max_episode_steps=25, **drawn(env_id, 5, 4))
        ours.reset(seed=0)
        ours.action_space.seed(0)
        for _ in range(20):
            ours.step(ours.action_space.sample())
        copies = [copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))]
        for _ in range(40):
            actions = ours.action_space.sample()
            expected = as_bytes(ours.step(actions))
            assert [as_bytes(one.step(actions)) for one in copies] == [expected] * 2

    def test_nothing_returned_is_overwritten_later(self, env_id):
        _, ours = both(env_id, {}, 3)
        ours.reset(seed=0)
        ours.action_space.seed(0)
        first = ours.step(ours.action_space.sample())
        before = as_bytes(first)
        for array in ours.step(ours.action_space.sample())[:4]:
            array[...] = 0
        for _ in range(30):
            ours.step(ours.action_space.sample())
        assert as_bytes(first) == before

    def test_nothing_returned_is_looked_at_again(self, env_id):
        theirs, ours = both(env_id, {}, 3)
        for env in (ours, theirs):
            env.reset(seed=0)[0][:] = 0.0
            env.action_space.seed(0)
            env.step(env.action_space.sample())[0][:] = 0.0
        mask = np.array([True, False, False])
        found, expected = (env.reset(options={"reset_mask": mask}) for env in (ours, theirs))
        assert as_bytes(found) == as_bytes(expected)


class TestGymnasium:
    def test_make_vec_gives_it_with_the_id_s_time_limit(self):
        env = gymnasium.make_vec("rl_transfer_envs:transfer/CartPole-v0", num_envs=3, gravity=[9.8, 12.0, 15.0])
        assert isinstance(env, MembersEnv)
        assert env.spec.id == "transfer/CartPole-v0"
        env = gymnasium.make_vec("transfer/CartPole-v0", num_envs=1, gravity=0.0, start_spread=0.0, force_mag=1e-9)
        env.reset(seed=0)
        steps = [env.step(np.array([0])) for _ in range(500)]
        assert [bool(step[3][0]) for step in steps] == [False] * 499 + [True]

    def test_each_member_has_its_own_time_limit(self):
        env = gymnasium.make_vec("transfer/MountainCar-v0", num_envs=3, max_episode_steps=[2, 3, 5])
        env.reset(seed=0)
        cut = np.array([env.step(np.array([1, 1, 1]))[3] for _ in range(6)])
        assert cut.T.tolist() == [
            [False, True, False, False, True, False],
            [False, False, True, False, False, False],
            [False, False, False, False, True, False],
        ]

    def test_its_wrappers_take_it(self):
        theirs, ours = both("transfer/CartPole-v0", {}, 4)
        theirs, ours = RecordEpisodeStatistics(theirs), RecordEpisodeStatistics(ours)
        ours.reset(seed=0)
        theirs.reset(seed=0)
        ours.action_space.seed(0)
        for _ in range(60):
            actions = ours.action_space.sample()
            ours.step(actions)
            theirs.step(actions)
        assert list(ours.return_queue) == list(theirs.return_queue)
        assert list(ours.length_queue) == list(theirs.length_queue)
        assert len(ours.return_queue) > 4


def make(**keywords):
    return gymnasium.make_vec("transfer/CartPole-v0", num_envs=3, **keywords)


class TestRefusals:
    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            ({"length": [1.0, -1.0, 1.0]}, r"length must be a finite number in \(0, inf\), got -1.0"),
            ({"gravity": np.nan}, "gravity must be a finite number"),
            ({"gravity": [9.8, [1.0], 9.8]}, "gravity must be a finite number"),
            ({"gravity": [9.8, 12.0]}, "gravity must be one value, or one for each of the 3 members, got 2 values"),
            ({"kinematics_integrator": "implicit"}, "kinematics_integrator must be one of"),
            ({"max_episode_steps": 0}, "max_episode_steps must be a whole number of at least 1"),
            ({"max_episode_steps": [5, 5]}, "max_episode_steps must be one number or one for each"),
            ({"autoreset_mode": "sometimes"}, "sometimes"),
            ({"render_mode": "rgb_array"}, "render_mode must be None"),
        ],
    )
    def test_wrong_settings(self, wrong, says):
        with pytest.raises(ValueError, match=says):
            make(**wrong)

    def test_unknown_keywords_are_those_the_single_environment_refuses(self):
        with pytest.raises(TypeError, match="unexpected keyword argument 'gravty'"):
            make(gravty=9.8)

    def test_members_with_other_numbers_of_actions(self):
        with pytest.raises(ValueError, match="same number of actions"):
            gymnasium.make_vec("transfer/Acrobot-v0", num_envs=2, torques=[[-1.0, 1.0], [-1.0, 0.0, 1.0]])

    def test_no_members(self):
        with pytest.raises(ValueError, match="num_envs must be a whole number of at least 1"):
            gymnasium.make_vec("transfer/CartPole-v0", num_envs=0)

    @pytest.mark.parametrize("actions", [[0, 1], [0, 1, 2], [0, -1, 1], [0.0, 1.0, 1.0], [[0], [1], [1]]])
    def test_wrong_actions(self, actions):
        env = make()
        env.reset(seed=0)
        with pytest.raises(AssertionError, match="actions must be"):
            env.step(np.array(actions))

    @pytest.mark.parametrize("actions", [[1.0, 1.0], [[1.0], [1.0], [1.0]], [["a"], ["b"]]])
    def test_wrong_torques(self, actions):
        env = gymnasium.make_vec("transfer/Pendulum-v0", num_envs=2)
        env.reset(seed=0)
        with pytest.raises(AssertionError, match="actions must be"):
            env.step(np.array(actions))

    def test_steps_before_every_member_was_reset(self):
        env = make()
        with pytest.raises(ResetNeeded):
            env.step(np.zeros(3, int))
        env.reset(options={"reset_mask": np.array([True, False, True])})
        with pytest.raises(ResetNeeded):
            env.step(np.zeros(3, int))
        env.reset(options={"reset_mask": np.array([False, True, False])})
        env.step(np.zeros(3, int))

    def test_steps_after_the_end_where_nothing_resets(self):
        env = make(autoreset_mode="Disabled", max_episode_steps=[1, 2, 2])
        env.reset(seed=0)
        env.step(np.zeros(3, int))
        with pytest.raises(AssertionError, match=r"members \[0\] are over"):
            env.step(np.zeros(3, int))

    @pytest.mark.parametrize(
        ("reset", "error"),
        [
            ({"seed": [1, 2]}, ValueError),
            ({"seed": -1}, gymnasium.error.Error),
            ({"options": {"reset_mask": [True, True, True]}}, TypeError),
            ({"options": {"reset_mask": np.ones(3)}}, TypeError),
            ({"options": {"reset_mask": np.ones(2, bool)}}, ValueError),
            ({"options": {"reset_mask": np.zeros(3, bool)}}, ValueError),
            ({"options": {"low": 1.0, "high": 0.0}}, ValueError),
        ],
    )
    def test_wrong_resets(self, reset, error):
        env = make()
        with pytest.raises(error):
            env.reset(**reset)


class TestLeaving:
    def test_those_left_rest_and_the_others_go_on_alike(self):
        left = make(max_episode_steps=[3, 20, 20], force_mag=1e-9)
        _, alone = both("transfer/CartPole-v0", {"force_mag": [1e-9] * 3}, 3, limit=20)
        left.reset(seed=0)
        alone.reset(seed=0)
        for step in range(1, 15):
            found, expected = left.step(np.zeros(3, int)), alone.step(np.zeros(3, int))
            assert found[0][1:].tobytes() == expected[0][1:].tobytes()
            if step == 3:
                left.leave(np.array([0]))
                last = found[0][0].tolist()
            if step > 3:
                assert found[0][0].tolist() == last
                assert [array[0] for array in found[1:4]] == [0.0, False, False]
        left.reset(seed=0)
        alone.reset(seed=0)
        assert left.step(np.zeros(3, int))[0].tobytes() == alone.step(np.zeros(3, int))[0].tobytes()

    def test_nobody_is_left_in_the_middle_of_an_episode(self):
        env = make()
        env.reset(seed=0)
        with pytest.raises(ValueError, match="have ended"):
            env.leave(np.array([1]))


class TestDivergence:
    # The second overflows on the way.
    @pytest.mark.parametrize("torque", [1e9, 1e200])
    def test_it_is_said_as_by_the_single_environment_and_names_the_first_member(self, torque):
        single = gymnasium.make("transfer/Acrobot-v0", torques=[0.0, torque], dt=1.0)
        single.reset(seed=2)
        with pytest.raises(FloatingPointError) as expected:
            single.step(1)
        env = gymnasium.make_vec("transfer/Acrobot-v0", num_envs=4, torques=[0.0, torque], dt=1.0)
        env.reset(seed=0)
        env.step(np.zeros(4, int))
        with pytest.raises(FloatingPointError) as found:
            env.step(np.array([0, 0, 1, 1]))
        assert (str(found.value), found.value.member) == (str(expected.value), 2)

    def test_who_rests_does_not_diverge(self):
        env = gymnasium.make_vec(
            "transfer/Acrobot-v0", num_envs=2, torques=[[0.0, 1e9]] * 2, dt=1.0, max_episode_steps=[1, 9]
        )
        env.reset(seed=0)
        env.step(np.zeros(2, int))
        env.leave(np.array([0]))
        env.step(np.array([1, 0]))
        with pytest.raises(FloatingPointError):
            env.step(np.array([1, 1]))


class TestSquares:
    @settings(max_examples=200)
    @given(st.lists(st.floats(width=32, allow_nan=False, min_value=-(2.0**60), max_value=2.0**60), min_size=1))
    def test_single_precision(self, numbers):
        array = np.array(numbers, np.float32)
        assert scalar_squares(array).tobytes() == np.array([number**2 for number in array], np.float32).tobytes()

    def test_many(self):
        generator = np.random.default_rng(0)
        for width in (0.02, 2.0, 300.0):
            double = generator.uniform(-width, width, 60_000)
            assert squares(double).tobytes() == np.array([number**2 for number in double]).tobytes()
            single = double.astype(np.float32)
            assert scalar_squares(single).tobytes() == np.array([number**2 for number in single]).tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("env_id", IDS)
def test_a_thousand_members_are_fifty_times_as_fast_as_a_syncvectorenv(env_id):
    spec = importlib.util.spec_from_file_location("measure_vector_speed", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    rates = script.measure(env_id, 1000, 9)
    pairs = zip(rates["vector_entry_point"], rates["sync"], strict=True)
    assert statistics.median(ours / theirs for ours, theirs in pairs) >= 50
