"""One battery over every wrapper that is found, then what each of them promises."""

import copy
import itertools
import pickle
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils import RecordConstructorArgs
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scripted_env import Scripted, play

from rl_transfer_envs.wrappers import _wrapper_in, wrapper_class, wrapper_names
from rl_transfer_envs.wrappers.observation_noise import ObservationNoise
from rl_transfer_envs.wrappers.permute_actions import PermuteActions
from rl_transfer_envs.wrappers.reverse_actions import ReverseActions

ID = "rl_transfer_envs:transfer/CartPole-v0"

CATCH = "rl_transfer_envs:transfer/Catch-v0"

# What each wrapper is built with around the cart-pole, those of pictures around a game.
SETTINGS = {
    "action_penalty": {"coefficient": 0.1, "free_action": 0},
    "count_from_zero": {},
    "delay_actions": {"steps": 2, "first_action": 1},
    "delay_observations": {"steps": 2},
    "delayed_reward": {"steps": 3},
    "discrete_actions": {"bins": 3},
    "extra_observations": {"count": 3, "scale": 0.5, "persistence": 0.9},
    "image_observation": {"size": 12, "grayscale": False, "frames": 2},
    "masked_observations": {"indices": [1], "value": 0.25},
    "missing_observations": {"remove": [1]},
    "observation_noise": {"scale": 0.1},
    "permute_actions": {"permutation": [1, 0]},
    "permute_observations": {"permutation": [1, 0, 3, 2]},
    "render_observation": {"size": 12, "grayscale": True, "frames": 2},
    "repeat_actions": {"count": 2},
    "rescale_observations": {"scale": [2.0, -1.0, 0.5, 1.0], "shift": 0.25},
    "reverse_actions": {},
    "scale_reward": {"factor": -2.0},
    "shift_reward": {"amount": -0.5},
    "sparse_reward": {"threshold": 10.0, "of": "episode"},
    "sticky_actions": {"probability": 0.5},
}

# The settings that leave everything as it is.
NEUTRAL = {
    "action_penalty": {"coefficient": 0.0},
    "delay_actions": {"steps": 0},
    "delay_observations": {"steps": 0},
    "delayed_reward": {"steps": 1},
    "extra_observations": {"count": 0},
    "masked_observations": {"indices": []},
    "missing_observations": {"remove": []},
    "observation_noise": {"scale": 0.0},
    "permute_actions": {"permutation": [0, 1]},
    "permute_observations": {"permutation": [0, 1, 2, 3]},
    "repeat_actions": {"count": 1},
    "rescale_observations": {},
    "scale_reward": {"factor": 1.0},
    "shift_reward": {"amount": 0.0},
    "sticky_actions": {"probability": 0.0},
}

every_wrapper = pytest.mark.parametrize("name", wrapper_names())
quick = settings(deadline=None, max_examples=40)


class Probe(gymnasium.Env):
    """Shows the actions that reach it, and draws from its own generator at every step."""

    def __init__(self, action_space, observation_space=None):
        self.metadata = {"render_modes": ["rgb_array"]}
        self.render_mode = "rgb_array"
        self.action_space = action_space
        self.observation_space = observation_space or spaces.Box(-1, 1, (4,), np.float32)
        self.received = []
        self.drawn = []

    def _observation(self):
        self.drawn.append(self.np_random.random())
        return np.full(self.observation_space.shape, self.drawn[-1], self.observation_space.dtype)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._observation(), {}

    def step(self, action):
        self.received.append(action)
        return self._observation(), 0.0, False, False, {}

    def render(self):
        return np.full((8, 8, 3), int(255 * self.drawn[-1]), np.uint8)


class ContinuousActions(gymnasium.ActionWrapper, RecordConstructorArgs):
    """Pushes right where the number is above 0."""

    def __init__(self, env):
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def action(self, action):
        return int(action[0] > 0)


class CountedFromOne(gymnasium.ActionWrapper, RecordConstructorArgs):
    """Pushes left for 1 and right for 2."""

    def __init__(self, env):
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self.action_space = spaces.Discrete(2, start=1)

    def action(self, action):
        return action - 1


def received(wrapper, action):
    wrapper.reset(seed=0)
    wrapper.step(action)
    return wrapper.unwrapped.received[-1]


def trajectory(env, seed, actions=None, steps=120):
    """Everything an environment returns, over one seeded reset and then unseeded ones."""
    actions = actions or [int(action) for action in np.random.default_rng(0).integers(2, size=steps)]
    if isinstance(env.action_space, spaces.Box):
        actions = [np.full(env.action_space.shape, 2 * action - 1, np.float32) for action in actions]
    observation, _ = env.reset(seed=seed)
    record = [(observation.dtype, observation.tobytes())]
    for action in actions:
        observation, reward, terminated, truncated, _ = env.step(action)
        record.append((observation.dtype, observation.tobytes(), reward, terminated, truncated))
        if terminated or truncated:
            record.append(env.reset()[0].tobytes())
    return record


def bare(name):
    """The cart-pole, with an action space that the wrapper takes, or a game."""
    if name in ("image_observation", "render_observation"):
        return gymnasium.make(CATCH, render_mode="rgb_array")
    env = gymnasium.make(ID)
    odd = {"discrete_actions": ContinuousActions, "count_from_zero": CountedFromOne}
    return odd[name](env) if name in odd else env


def wrapped(name):
    return wrapper_class(name)(bare(name), **SETTINGS[name])


# Every wrapper


def test_every_wrapper_has_settings_to_be_tested_with():
    assert sorted(SETTINGS) == wrapper_names()


@every_wrapper
# The velocities are unbounded, as in Gymnasium's CartPole-v1; the second is about wrapping at all.
@pytest.mark.filterwarnings("ignore:.*A Box observation space (minimum|maximum) value is -?infinity")
@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version")
def test_a_wrapped_cartpole_keeps_gymnasiums_contract(name):
    check_env(wrapped(name), skip_render_check=True)


@every_wrapper
def test_the_same_seed_gives_the_same_trajectory(name):
    env = wrapped(name)
    first = trajectory(env, 5)
    assert first == trajectory(env, 5) == trajectory(wrapped(name), 5)
    assert first != trajectory(env, 6)


@every_wrapper
def test_the_environments_own_random_numbers_stay_the_same(name):
    space = spaces.Box(-1, 1, (1,), np.float32) if name == "discrete_actions" else spaces.Discrete(2)
    seen = spaces.Box(0, 255, (8, 8, 3), np.uint8) if name == "image_observation" else None
    plain, inner = Probe(space, seen), Probe(space, seen)
    env = wrapper_class(name)(inner, **SETTINGS[name])
    trajectory(env, 3)
    trajectory(plain, 3, steps=len(inner.received))
    assert inner.drawn == plain.drawn
    assert inner.np_random.bit_generator.state == plain.np_random.bit_generator.state


@every_wrapper
def test_the_spaces_hold_what_is_returned(name):
    env = wrapped(name)
    env.action_space.seed(1)
    for seed in range(5):
        observation, _ = env.reset(seed=seed)
        ended = False
        while not ended:
            assert observation in env.observation_space
            observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            assert isinstance(reward, float)
            ended = terminated or truncated
        assert observation in env.observation_space


@pytest.mark.parametrize("name", NEUTRAL)
def test_neutral_settings_leave_everything_as_it_is(name):
    env, plain = wrapper_class(name)(gymnasium.make(ID), **NEUTRAL[name]), gymnasium.make(ID)
    assert env.observation_space == plain.observation_space
    assert env.action_space == plain.action_space
    for seed in range(3):
        assert trajectory(env, seed) == trajectory(plain, seed)


@every_wrapper
def test_the_settings_change_what_is_seen(name):
    if name in ("discrete_actions", "count_from_zero"):
        assert wrapped(name).action_space != bare(name).action_space
    else:
        assert trajectory(wrapped(name), 1) != trajectory(bare(name), 1)


@every_wrapper
def test_a_first_reset_without_a_seed_works(name):
    env = wrapped(name)
    observation, _ = env.reset()
    assert observation in env.observation_space
    assert env.step(env.action_space.sample())[0] in env.observation_space
    env.reset()


@every_wrapper
def test_specs_and_pickles_build_it_again(name):
    env = wrapped(name)
    assert isinstance(env, RecordConstructorArgs)
    assert env.spec.additional_wrappers[-1].kwargs == SETTINGS[name]
    again = gymnasium.make(EnvSpec.from_json(env.spec.to_json()))
    env.reset(seed=1)
    for other in (again, copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert type(other) is type(env)
        assert trajectory(other, 2) == trajectory(env, 2)


@every_wrapper
def test_a_copy_goes_on_where_the_original_was(name):
    env = wrapped(name)
    env.reset(seed=1)
    env.step(0)
    other = copy.deepcopy(env)
    assert [env.step(1)[0].tobytes() for _ in range(3)] == [other.step(1)[0].tobytes() for _ in range(3)]


@every_wrapper
def test_unknown_settings_are_refused(name):
    with pytest.raises(TypeError, match="unexpected keyword argument 'sclae'"):
        wrapper_class(name)(bare(name), **SETTINGS[name], sclae=1)


# Finding them


def test_a_name_leads_to_its_class():
    assert wrapper_names() == sorted(wrapper_names())
    assert wrapper_class("reverse_actions") is ReverseActions
    assert wrapper_class("permute_actions") is PermuteActions
    assert wrapper_class("observation_noise") is ObservationNoise


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("reverse_action", "did you mean 'reverse_actions'"),
        ("ObservationNoise", "did you mean 'observation_noise'"),
        ("zzz", "unknown wrapper 'zzz'; Valid"),
        ("os", "Valid"),
        ("", "Valid"),
        (None, "Valid"),
    ],
)
def test_a_wrong_name_names_the_nearest_and_all(name, hint):
    with pytest.raises(ValueError, match=hint) as error:
        wrapper_class(name)
    assert all(valid in str(error.value) for valid in wrapper_names())


def test_wrappers_of_other_packages_are_named_by_module_and_class():
    assert wrapper_class("gymnasium.wrappers:TimeLimit") is gymnasium.wrappers.TimeLimit
    other = wrapper_class("rl_transfer_envs.wrappers.reverse_actions:ReverseActions")
    assert other is ReverseActions


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_package.wrappers:Some", "module 'no_such_package.wrappers' can't be imported: No module named"),
        (":Some", "module '' can't be imported"),
        ("..x:Some", "module '..x' can't be imported"),
        ("gymnasium.wrappers:TimeLimits", "no 'TimeLimits'; did you mean 'TimeLimit'. Wrappers there: .*FlattenObs"),
        ("gymnasium.wrappers:", "gymnasium.wrappers has no ''; Wrappers there: "),
        ("math:Cosine", "math has no 'Cosine'; Wrappers there: none"),
        ("gymnasium.spaces:Box", "Box is no subclass of gymnasium.Wrapper"),
        ("math:cos", "cos is no subclass of gymnasium.Wrapper"),
        ("gymnasium.wrappers.vector:ClipReward", "ClipReward is no subclass of gymnasium.Wrapper"),
    ],
)
def test_a_wrong_module_or_class_says_what_is_wrong(name, words):
    with pytest.raises(ValueError, match=words) as error:
        wrapper_class(name)
    assert repr(name) in str(error.value)


def test_a_module_that_fails_to_import_says_why(tmp_path, monkeypatch):
    (tmp_path / "broken_wrapper.py").write_text("raise OSError('no display')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="'broken_wrapper' can't be imported: no display"):
        wrapper_class("broken_wrapper:Some")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("", "none"),
        ("class _Hidden(gymnasium.Wrapper): pass", "none"),
        ("from gymnasium.wrappers import TimeLimit", "none"),
        ("class A(gymnasium.Wrapper): pass\nclass B(gymnasium.Wrapper): pass", "A, B"),
    ],
)
def test_a_file_with_no_or_two_wrappers_is_an_error_that_names_it(tmp_path, monkeypatch, body, found):
    (tmp_path / "strange_wrapper.py").write_text(f"import gymnasium\n{body}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "strange_wrapper", raising=False)
    import strange_wrapper

    with pytest.raises(ValueError, match=f"strange_wrapper: .* exactly one public Wrapper class, found {found}$"):
        _wrapper_in(strange_wrapper)
    monkeypatch.delitem(sys.modules, "strange_wrapper")


# reverse_actions


@pytest.mark.parametrize("name", ["reverse_actions", "permute_actions"])
def test_a_reversed_cartpole_is_the_cartpole_with_mirrored_actions(name):
    actions = [int(action) for action in np.random.default_rng(4).integers(2, size=200)]
    mirrored = [1 - action for action in actions]
    assert trajectory(wrapped(name), 9, actions) == trajectory(gymnasium.make(ID), 9, mirrored)
    assert trajectory(wrapped(name), 9, actions) != trajectory(gymnasium.make(ID), 9, actions)


@quick
@given(n=st.integers(1, 100), start=st.integers(-100, 100), data=st.data())
def test_discrete_actions_are_mirrored_between_first_and_last(n, start, data):
    space = spaces.Discrete(n, start=start)
    env = ReverseActions(Probe(space))
    offset = data.draw(st.integers(0, n - 1))
    mirrored = received(env, start + offset)
    assert mirrored == start + n - 1 - offset
    assert mirrored in space
    assert received(env, mirrored) == start + offset
    assert env.action_space == space


def finite_boxes(dtype):
    width = np.dtype(dtype).itemsize * 8
    elements = (
        st.floats(-1e4, 1e4, width=width)
        if np.dtype(dtype).kind == "f"
        else st.integers(int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    )
    triple = hnp.arrays(dtype, st.tuples(st.just(3), st.integers(1, 3), st.integers(1, 2)), elements=elements)
    return triple.map(lambda values: np.sort(values, axis=0))


@quick
@given(
    bounds=st.sampled_from(["float16", "float32", "float64", "int8", "uint8", "int64", "uint64"]).flatmap(finite_boxes)
)
def test_box_actions_are_mirrored_within_finite_bounds(bounds):
    low, action, high = bounds
    space = spaces.Box(low, high, dtype=low.dtype)
    env = ReverseActions(Probe(space))
    # Floats round: a few units in the last place of the largest number that can be drawn.
    tolerance = 4e4 * float(np.finfo(low.dtype).eps) if low.dtype.kind == "f" else 0
    for given_action, exact in [
        (action, low.astype(object) + high.astype(object) - action.astype(object)),
        (low, high.astype(object)),
        (high, low.astype(object)),
    ]:
        mirrored = received(env, given_action)
        assert mirrored in space
        assert np.all(np.abs(mirrored.astype(object) - exact) <= tolerance)


def test_rounding_does_not_carry_a_valid_action_out_of_the_bounds():
    low, high = -0.2, 0.9
    assert (low + high) - high < low
    env = ReverseActions(Probe(spaces.Box(low, high, (1,), np.float64)))
    np.testing.assert_array_equal(received(env, np.array([high])), [low])


def test_box_actions_without_bounds_change_sign_and_mixed_components_each_do_theirs():
    low, high = np.array([-np.inf, 0.0, -1.0], np.float32), np.array([np.inf, 4.0, 1.0], np.float32)
    env = ReverseActions(Probe(spaces.Box(low, high, dtype=np.float32)))
    mirrored = received(env, np.array([5.0, 1.0, -0.25], np.float32))
    assert mirrored.dtype == np.float32
    np.testing.assert_array_equal(mirrored, [-5.0, 3.0, 0.25])


def test_box_actions_beyond_the_bounds_stay_beyond_them():
    env = ReverseActions(Probe(spaces.Box(0, 4, (1,), np.float32)))
    np.testing.assert_array_equal(received(env, np.array([6.0], np.float32)), [-2.0])


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (spaces.Box(np.array([-1.0, 0.0]), np.array([1.0, np.inf]), dtype=np.float64), r"one side only: \[\(1,\)\]"),
        (spaces.Box(-np.inf, 0.0, (1,), np.float32), r"one side only: \[\(0,\)\]"),
        (spaces.Box(0, 1, (2,), np.bool_), "needs a Discrete or a numeric Box"),
        (spaces.MultiBinary(3), "needs a Discrete or a numeric Box"),
        (spaces.MultiDiscrete([2, 3]), "needs a Discrete or a numeric Box"),
    ],
)
def test_actions_that_have_no_mirror_image_are_refused(space, words):
    with pytest.raises(ValueError, match=words):
        ReverseActions(Probe(space))


# permute_actions


@pytest.mark.parametrize("start", [0, 5, -2])
@pytest.mark.parametrize("permutation", list(itertools.permutations(range(3))))
def test_discrete_actions_are_renumbered(permutation, start):
    env = PermuteActions(Probe(spaces.Discrete(3, start=start)), permutation=list(permutation))
    assert [received(env, start + index) - start for index in range(3)] == list(permutation)


@quick
@given(permutation=st.integers(1, 6).flatmap(lambda n: st.permutations(range(n))), data=st.data())
def test_box_components_move_with_their_bounds(permutation, data):
    n = len(permutation)
    low = data.draw(hnp.arrays(np.float32, n, elements=st.floats(-100, -1, width=32)))
    inner = spaces.Box(low, -low, dtype=np.float32)
    env = PermuteActions(Probe(inner), permutation=permutation)
    env.action_space.seed(data.draw(st.integers(0, 1000)))
    action = env.action_space.sample()
    reached = received(env, action)
    assert reached in inner
    assert [reached[permutation[i]] for i in range(n)] == list(action)
    back = PermuteActions(env, permutation=[permutation.index(i) for i in range(n)])
    assert back.action_space == inner
    np.testing.assert_array_equal(received(back, reached), reached)


@pytest.mark.parametrize(
    "permutation",
    [[], [0], [0, 1, 2], [0, 0], [1, 2], [-1, 0], [0.0, 1.0], [True, False], ["0", "1"], "01", 1, None, {0: 1, 1: 0}],
)
def test_what_is_no_permutation_is_refused(permutation):
    with pytest.raises(ValueError, match="permutation must hold each of 0 to 1 once, got "):
        PermuteActions(Probe(spaces.Discrete(2)), permutation=permutation)


@pytest.mark.parametrize("space", [spaces.Box(-1, 1, (2, 2), np.float32), spaces.MultiDiscrete([2, 2])])
def test_actions_without_an_order_are_refused(space):
    with pytest.raises(ValueError, match="needs a Discrete or a one-dimensional Box"):
        PermuteActions(Probe(space), permutation=[0, 1])


@pytest.mark.parametrize("name", ["permute_actions", "reverse_actions"])
@pytest.mark.parametrize(
    ("space", "action"),
    [
        (spaces.Discrete(2), -1),
        (spaces.Discrete(2), 2),
        (spaces.Discrete(2), 0.7),
        (spaces.Box(-1, 1, (2,), np.float32), np.zeros(1, np.float32)),
    ],
)
def test_an_action_of_the_wrong_kind_is_refused(name, space, action):
    env = wrapper_class(name)(Probe(space), **SETTINGS[name])
    with pytest.raises(ValueError, match="action"):
        received(env, action)


# observation_noise


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_without_scale_observations_and_their_space_are_untouched(dtype):
    space = spaces.Box(-1, 1, (2,), dtype)
    plain = Probe(spaces.Discrete(2), space)
    env = ObservationNoise(Probe(spaces.Discrete(2), space), scale=0.0)
    assert env.observation_space == space
    assert trajectory(env, 4) == trajectory(plain, 4)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_noise_has_its_scale_and_its_space_no_bounds(dtype):
    space = spaces.Box(-1, 1, (50, 40), dtype)
    plain = Probe(spaces.Discrete(2), space)
    env = ObservationNoise(Probe(spaces.Discrete(2), space), scale=2.5)
    assert env.observation_space == spaces.Box(-np.inf, np.inf, (50, 40), dtype)
    first = env.reset(seed=1)[0] - plain.reset(seed=1)[0]
    second = env.step(0)[0] - plain.step(0)[0]
    for noise in (first, second):
        assert noise.dtype == dtype
        # 2000 draws: five standard errors of the mean and of the standard deviation.
        assert abs(noise.mean(dtype=float)) < 5 * 2.5 / np.sqrt(2000)
        assert abs(noise.std(dtype=float) - 2.5) < 5 * 2.5 / np.sqrt(4000)
    assert abs(np.corrcoef(first.ravel().astype(float), second.ravel().astype(float))[0, 1]) < 5 / np.sqrt(2000)


def test_noise_is_the_same_for_the_same_seed_and_runs_on_without_one():
    def noise(env, seed):
        return env.reset(seed=seed)[0] - env.unwrapped.drawn[-1]

    env = ObservationNoise(Probe(spaces.Discrete(2), spaces.Box(-1, 1, (3,), np.float64)), scale=1.0)
    first, following = noise(env, 11), noise(env, None)
    assert not np.allclose(first, following)
    np.testing.assert_array_equal(noise(env, 11), first)
    np.testing.assert_array_equal(noise(env, None), following)
    assert not np.allclose(noise(env, 12), first)


def test_noise_is_not_the_environments_own_random_numbers():
    env = ObservationNoise(Probe(spaces.Discrete(2), spaces.Box(-1, 1, (100,), np.float64)), scale=1.0)
    noise = env.reset(seed=3)[0] - env.unwrapped.drawn[-1]
    assert not np.allclose(noise, np.random.default_rng(3).normal(size=100))


def test_two_noises_on_one_environment_are_independent():
    inner = ObservationNoise(Probe(spaces.Discrete(2), spaces.Box(-1, 1, (4000,), np.float64)), scale=1.0)
    outer = ObservationNoise(gymnasium.wrappers.OrderEnforcing(inner), scale=1.0)
    noise = outer.reset(seed=3)[0] - outer.unwrapped.drawn[-1]
    assert noise.std() == pytest.approx(np.sqrt(2), rel=0.1)


def test_a_step_before_the_first_reset_is_refused():
    env = ObservationNoise(Probe(spaces.Discrete(2)), scale=1.0)
    with pytest.raises(RuntimeError, match="reset the environment"):
        env.step(0)


@pytest.mark.parametrize("scale", [-0.1, np.nan, np.inf, "0.1", None, True, [0.1]])
def test_a_scale_that_is_none_is_refused(scale):
    with pytest.raises(ValueError, match=r"scale must be a finite number in \[0, inf\), got "):
        ObservationNoise(Probe(spaces.Discrete(2)), scale=scale)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(4),
        spaces.Dict({"a": spaces.Box(-1, 1, (2,), np.float32)}),
    ],
)
def test_observations_that_are_no_box_are_refused(space):
    with pytest.raises(ValueError, match="needs a Box observation space"):
        ObservationNoise(Probe(spaces.Discrete(2), space), scale=0.1)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("observation_noise", {"scale": 40.0}), ("rescale_observations", {"scale": -0.5, "shift": 200.0})],
)
def test_images_are_changed_within_their_bounds(name, settings):
    env = wrapper_class(name)(gymnasium.make("transfer/Catch-v0"), **settings)
    bare = gymnasium.make("transfer/Catch-v0")
    assert env.observation_space == bare.observation_space
    seen, plain = env.reset(seed=1)[0], bare.reset(seed=1)[0]
    assert seen in env.observation_space and seen.dtype == np.uint8
    if name == "observation_noise":
        # Black and white are the ends: noise can only lead away from them, half of it is cut off.
        away = np.abs(seen.astype(float) - plain)
        assert 0.4 < (away == 0).mean() < 0.6 and away.max() > 80
    else:
        np.testing.assert_array_equal(np.unique(seen), [72, 200])  # 200 - 127.5 rounds to even


def test_spaces_that_start_elsewhere_are_counted_from_0():
    inner = Probe(spaces.Discrete(3, start=5), spaces.Discrete(4, start=-2))
    env = wrapper_class("count_from_zero")(inner)
    assert (env.action_space, env.observation_space) == (spaces.Discrete(3), spaces.Discrete(4))
    seen = [env.reset(seed=1)[0], *(env.step(action)[0] for action in range(3))]
    assert inner.received == [5, 6, 7]
    assert all(one in env.observation_space for one in seen)
    plain = Probe(spaces.Discrete(3, start=5), spaces.Discrete(4, start=-2))
    assert [one - 2 for one in seen] == [plain.reset(seed=1)[0], *(plain.step(action)[0] for action in (5, 6, 7))]


def test_parts_of_observations_and_several_choices_are_counted_from_0_too():
    parts = {
        "colour": spaces.Discrete(3, start=1),
        "dice": spaces.MultiDiscrete([6, 6], start=[1, 1], dtype=np.int32),
        "place": spaces.Box(1, 2, (2,), np.float32),
    }
    observations = [
        {"colour": np.int64(colour), "dice": np.array(dice, np.int32), "place": np.ones(2, np.float32)}
        for colour, dice in ((1, [1, 6]), (3, [5, 2]))
    ]
    actions = spaces.MultiDiscrete([2, 3], start=[0, -1])
    inner = Scripted(observations, observation_space=spaces.Dict(parts), action_space=actions)
    env = wrapper_class("count_from_zero")(inner)
    counted = {"colour": spaces.Discrete(3), "dice": spaces.MultiDiscrete([6, 6], dtype=np.int32)}
    assert env.observation_space == spaces.Dict(parts | counted)
    assert env.action_space == spaces.MultiDiscrete([2, 3])
    seen = play(env, [np.array([1, 0])])[0]
    assert [action.tolist() for action in inner.received] == [[1, -1]]
    assert all(one in env.observation_space for one in seen)
    assert [(one["colour"], one["dice"].tolist()) for one in seen] == [(0, [0, 5]), (2, [4, 1])]
    assert all(one["place"] is other["place"] for one, other in zip(seen, observations, strict=True))
