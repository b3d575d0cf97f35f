"""Every environment that is found registers, keeps Gymnasium's contract, ends, and repeats itself."""

import importlib
import importlib.util
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

import rl_transfer_envs
from rl_transfer_envs._discovery import find_environments, plugin_names, register

IDS = rl_transfer_envs.environment_ids()


def run_trajectory(env, seed, steps=200):
    env.action_space.seed(seed)
    observation, _ = env.reset(seed=seed)
    record = [np.asarray(observation).tobytes()]
    for _ in range(steps):
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        record.append((np.asarray(observation).tobytes(), reward, terminated, truncated))
        if terminated or truncated:
            record.append(np.asarray(env.reset()[0]).tobytes())
    return record


def test_the_cartpole_is_found():
    assert "transfer/CartPole-v0" in IDS
    assert sorted(IDS) == IDS


@pytest.mark.parametrize("env_id", IDS)
# Gymnasium's own CartPole-v1 has unbounded velocities too.
@pytest.mark.filterwarnings("ignore:.*A Box observation space (minimum|maximum) value is -?infinity")
# As do its pendulum's torques, from -2 to 2.
@pytest.mark.filterwarnings("ignore:.*we recommend using a symmetric and normalized space")
def test_an_environment_keeps_gymnasiums_contract(env_id):
    env = gymnasium.make(f"rl_transfer_envs:{env_id}")
    # MuJoCo's window ends the process where there is no screen.
    draws = importlib.util.find_spec("pygame") is not None and "_mujoco" not in env.spec.entry_point
    check_env(env.unwrapped, skip_render_check=not draws)


@pytest.mark.parametrize("env_id", IDS)
def test_an_environment_has_an_id_a_time_limit_and_an_entry_point_that_can_be_stored(env_id):
    spec = gymnasium.spec(env_id)
    assert spec.namespace == "transfer"
    assert spec.version is not None
    assert spec.max_episode_steps is not None
    assert EnvSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize("env_id", IDS)
def test_an_environment_repeats_itself_byte_for_byte(env_id):
    first = run_trajectory(gymnasium.make(env_id), 7)
    assert first == run_trajectory(gymnasium.make(env_id), 7)
    assert first != run_trajectory(gymnasium.make(env_id), 8)


def test_another_program_makes_one_without_heavy_imports():
    program = (
        "import gymnasium, sys\n"
        "env = gymnasium.make('rl_transfer_envs:transfer/CartPole-v0', gravity=20.0)\n"
        "assert env.unwrapped.gravity == 20.0\n"
        "heavy = {'torch', 'pygame', 'stable_baselines3', 'matplotlib', 'rl_transfer'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_again_and_reloading_is_silent_and_changes_nothing():
    before = {env_id: gymnasium.spec(env_id) for env_id in IDS}
    for _ in range(2):
        importlib.reload(rl_transfer_envs)
    assert {env_id: gymnasium.spec(env_id) for env_id in rl_transfer_envs.environment_ids()} == before


def test_an_id_held_by_something_else_is_not_taken_silently(monkeypatch):
    monkeypatch.setattr(gymnasium.envs.registration, "registry", registry := {})
    monkeypatch.setattr(gymnasium, "registry", registry)
    register(EnvSpec("transfer/Taken-v0", entry_point="one:One"))
    with pytest.warns(UserWarning, match="Overriding environment transfer/Taken-v0"):
        register(EnvSpec("transfer/Taken-v0", entry_point="other:Other"))


def test_a_repeated_registration_takes_the_newest_settings(monkeypatch):
    monkeypatch.setattr(gymnasium.envs.registration, "registry", registry := {})
    monkeypatch.setattr(gymnasium, "registry", registry)
    for steps in (100, 200):
        spec = EnvSpec("transfer/Again-v0", entry_point="one:One", max_episode_steps=steps, kwargs={"size": steps})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            register(spec)
        assert registry["transfer/Again-v0"] == spec


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that writes files into a new package and finds what they declare."""
    name = f"package_{abs(hash(tmp_path))}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)

    def find(**sources):
        for file, source in sources.items():
            (folder / f"{file}.py").write_text(source)
        importlib.invalidate_caches()
        return find_environments(name, [str(folder)])

    yield find
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[module]


def declaring(*names):
    specs = "".join(f"EnvSpec('transfer/{name}-v0', entry_point='x:Y', max_episode_steps=9), " for name in names)
    return f"from gymnasium.envs.registration import EnvSpec\nENVIRONMENTS = ({specs})\n"


def test_a_file_dropped_in_is_found(package):
    assert [spec.id for spec in package(one=declaring("One"))] == ["transfer/One-v0"]
    found = package(another=declaring("A", "B"), _helper="raise RuntimeError('imported')")
    assert [spec.id for spec in found] == ["transfer/A-v0", "transfer/B-v0", "transfer/One-v0"]


@pytest.mark.parametrize("source", ["", "ENVIRONMENTS = ()", "ENVIRONMENTS = ('transfer/X-v0',)", "ENVIRONMENTS = {}"])
def test_a_file_that_declares_nothing_is_an_error_that_names_it(package, source):
    with pytest.raises(ValueError, match=r"\.empty: an environment file needs ENVIRONMENTS"):
        package(empty=source)


def test_an_id_declared_twice_is_an_error(package):
    with pytest.raises(ValueError, match=r"more than once: transfer/Same-v0"):
        package(one=declaring("Same"), two=declaring("Same", "Other"))


def test_plugins_are_public_modules_only(tmp_path):
    for file in ("b.py", "a.py", "_hidden.py", "notes.txt", "__init__.py"):
        (tmp_path / file).touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__init__.py").touch()
    assert plugin_names([str(tmp_path)]) == ["a", "b"]
