"""Making environments from tasks, and saying what is wrong with a task."""

import importlib
import sys
import time
from types import ModuleType

import gymnasium
import pytest
from builders import WALK
from gymnasium import spaces

from rl_transfer.errors import ConfigError
from rl_transfer.study import Named, TaskConfig
from rl_transfer.tasks import TaskFacts, digest, inspect_task, make, map_spaces


def task(id_="transfer/CartPole-v0", wrappers=(), **more):
    return TaskConfig(id=id_, wrappers=[Named(name=n, settings=s) for n, s in wrappers], **more)


class TestErrors:
    @pytest.mark.parametrize(
        ("wrong", "key", "says"),
        [
            (task("transfer/CartPoel-v0"), "id", "CartPoel.*did you mean 'transfer/CartPole-v0'"),
            (task("CartPole-v77"), "id", "CartPole-v77.*CartPole-v1"),
            (task("probes:Wlak-v0"), "id", "did you mean 'Walk-v0'"),
            (task("no_such_package:Walk-v0"), "id", "'no_such_package' is not installed"),
            (task("a b c"), "id", "a b c"),
            (task("failing_envs:failing/Leaves-v0"), "id", "can't be made: SystemExit: no display"),
            (task("failing_envs:failing/Bare-v0"), "id", "has no observation_space: its environment must set one"),
            (task("ALEX/Pong-v5"), "id", r"registered ALEX/: put the module .* package:ALEX/Pong-v5"),
            (task(kwargs={"gravitiy": 1.0}), "kwargs", "no keyword 'gravitiy'; did you mean 'gravity'"),
            (task("probes:Walk-v0", kwargs={"gaol": 1}), "kwargs", "no keyword 'gaol'; did you mean 'goal'"),
            (task(kwargs={"gravity": "much"}), "kwargs", "gravity|str"),
            (task(wrappers=[("revers_actions", {})]), "wrappers.0", "did you mean 'reverse_actions'"),
            (
                task(wrappers=[("reverse_actions", {}), ("observation_noise", {"scal": 1.0})]),
                "wrappers.1",
                "^wrappers.1: observation_noise: it takes no keyword 'scal'; did you mean 'scale'",
            ),
            (task(wrappers=[("reverse_actions", {"axis": 1})]), "wrappers.0", "it takes no keyword 'axis'; "),
            (task(wrappers=[("observation_noise", {})]), "wrappers.0", "missing 1 required .*'scale'"),
            (
                task(wrappers=[("gymnasium.wrappers:RescaleAction", {"min_acton": 0})]),
                "wrappers.0",
                "no keyword 'min_acton'; did you mean 'min_action'",
            ),
            (task(wrappers=[("observation_noise", {"scale": -1.0})]), "wrappers.0", "scale"),
            (task("probes:Endless-v0"), "max_episode_steps", "no time limit.*set max_episode_steps"),
        ],
    )
    @pytest.mark.parametrize("what", [make, inspect_task])
    def test_what_is_wrong_is_named_with_its_key(self, wrong, key, says, what):
        with pytest.raises(ConfigError, match=says) as caught:
            what(wrong)
        assert caught.value.key == key

    def test_an_environment_that_can_not_be_made_is_closed_again(self, monkeypatch):
        closed = []
        monkeypatch.setattr(gymnasium.Wrapper, "close", lambda self: closed.append(self))
        with pytest.raises(ConfigError):
            make(task(wrappers=[("observation_noise", {"scale": -1.0})]))
        assert closed


class TestMaking:
    def test_a_time_limit_can_be_given_where_there_is_none(self):
        env = make(task("probes:Endless-v0", max_episode_steps=7))
        env.reset(seed=0)
        ends = []
        while not ends or not ends[-1]:
            _, _, terminated, truncated, _ = env.step(0)
            ends.append(terminated or truncated)
        assert len(ends) <= 7
        assert inspect_task(task("probes:Endless-v0", max_episode_steps=7)).max_episode_steps == 7

    def test_the_first_wrapper_is_innermost(self):
        env = make(task(wrappers=[("reverse_actions", {}), ("observation_noise", {"scale": 0.0})]))
        assert type(env).__name__ == "ObservationNoise"
        assert type(env.env).__name__ == "ReverseActions"
        env.close()

    def test_facts(self):
        facts = inspect_task(WALK)
        assert (facts.max_episode_steps, facts.action_space) == (10, spaces.Discrete(2))
        assert facts.observation_space.shape == (2,)


class TestDigest:
    SOURCE = """
import gymnasium
import numpy as np
from {base} import Base

class Digested(Base):
    pass

if "Digested-v0" not in gymnasium.registry:
    gymnasium.register("Digested-v0", entry_point="{name}:Digested", max_episode_steps=5)
"""
    BASE = """
import gymnasium
import numpy as np

class Base(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
"""

    def test_it_follows_the_source_of_environment_and_base_class(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        module, base = tmp_path / "digested_env.py", tmp_path / "digested_base.py"
        module.write_text(self.SOURCE.format(name="digested_env", base="digested_base"))
        base.write_text(self.BASE)
        digests = [inspect_task(task("digested_env:Digested-v0")).digest]
        for file in (module, base):
            digests.append(inspect_task(task("digested_env:Digested-v0")).digest)
            file.write_text(file.read_text() + "# changed\n")
            digests.append(inspect_task(task("digested_env:Digested-v0")).digest)
        assert digests[0] == digests[1] != digests[2] == digests[3] != digests[4]
        assert len(set(digests)) == 3
        del gymnasium.registry["Digested-v0"]

    def test_it_follows_the_wrappers_and_not_the_settings(self):
        plain, other = inspect_task(task()).digest, inspect_task(task(kwargs={"gravity": 1.0})).digest
        wrapped = inspect_task(task(wrappers=[("reverse_actions", {})])).digest
        assert plain == other != wrapped


FILES = {
    "ours/__init__.py": "import gymnasium",
    "ours/env.py": """
import numpy as np
from gymnasium import Env, spaces
from . import rewards, physics as laws
from theirs.engine import SPEED
import absent_module

class Ours(Env):
    observation_space, action_space = spaces.Box(-1, 1, (1,), np.float32), spaces.Discrete(2)

    def step(self, action):
        import ours.late.helper
        import ours.broken

    def render(self):
        import artist
""",
    "ours/rewards.py": "from ours.constants import *",
    "ours/constants.py": "ONE = 1",
    "ours/physics.py": "try:\n    import toplevel, no_module_at_all\nexcept ImportError:\n    pass",
    "ours/late/__init__.py": "",
    "ours/late/helper.py": "import ours.env",
    "ours/unused.py": "",
    "ours/broken.py": "no python",
    "toplevel.py": "",
    "artist.py": "",
    "site-packages/theirs/__init__.py": "",
    "site-packages/theirs/engine.py": "from theirs.constants import SPEED\nimport deeper",
    "site-packages/theirs/constants.py": "SPEED = 1",
    "site-packages/theirs/env.py": """
from ours.env import Ours
from theirs.engine import SPEED

class Theirs(Ours):
    pass
""",
    "site-packages/deeper.py": "",
    "site-packages/absent_module.py": "",
}


class TestWhatItIsMadeOf:
    """Packages ``ours`` (beside the study) and ``theirs`` (in site-packages), written for each test."""

    @pytest.fixture
    def tree(self, tmp_path, monkeypatch):
        for name, text in FILES.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.syspath_prepend(tmp_path / "site-packages")
        names = {"theirs": ["Their-Engine"], "deeper": ["deeper"], "numpy": ["numpy"], "gymnasium": ["gymnasium"]}
        monkeypatch.setattr(digest, "_distributions_by_package", lambda: names)
        monkeypatch.setattr(digest, "version", lambda name: f"{name} 3")
        yield tmp_path
        for name in list(sys.modules):
            if name.split(".")[0] in ("ours", "theirs", "toplevel", "deeper", "absent_module"):
                del sys.modules[name]

    def digests(self, tree, env):
        """Whether a change of each file changes the digest."""
        before = digest.describe_source(env)[0]
        found = {}
        for name in FILES:
            text = (tree / name).read_text()
            (tree / name).write_text(text + "\n# changed")
            found[name] = digest.describe_source(env)[0] != before
            (tree / name).write_text(text)
        assert digest.describe_source(env)[0] == before
        return {name for name, changed in found.items() if changed}

    def test_the_digest_follows_imports_near_far_relative_and_late(self, tree):
        env = importlib.import_module("ours.env").Ours()
        loaded = set(sys.modules)
        assert self.digests(tree, env) == {
            "ours/env.py",
            "ours/__init__.py",
            "ours/rewards.py",
            "ours/constants.py",
            "ours/physics.py",
            "ours/late/helper.py",
            "ours/broken.py",
            "toplevel.py",
        }
        assert set(sys.modules) == loaded

    def test_of_installed_packages_only_the_environment_s_own_is_read(self, tree):
        env = importlib.import_module("theirs.env").Theirs()
        changing = self.digests(tree, env)
        assert {name for name in changing if name.startswith("site-packages")} == {
            "site-packages/theirs/env.py",
            "site-packages/theirs/engine.py",
            "site-packages/theirs/constants.py",
        }
        assert "ours/constants.py" in changing

    def test_what_is_imported_directly_from_other_distributions_is_listed(self, tree):
        ours = importlib.import_module("ours.env").Ours()
        assert digest.describe_source(ours)[1] == {"Their-Engine": "Their-Engine 3"}
        theirs = importlib.import_module("theirs.env").Theirs()
        assert digest.describe_source(theirs)[1] == {"Their-Engine": "Their-Engine 3", "deeper": "deeper 3"}

    def test_gymnasium_s_own_environments_name_their_engine(self, monkeypatch, tmp_path):
        (tmp_path / "engine.py").write_text("try:\n    import mujoco\nexcept ImportError:\n    pass")
        module = ModuleType("gymnasium.envs.engine")
        module.__file__ = str(tmp_path / "engine.py")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(digest, "_distributions_by_package", lambda: {"mujoco": ["mujoco"]})
        monkeypatch.setattr(digest, "version", lambda name: "4.0.0")
        env = type("Ant", (gymnasium.Env,), {"__module__": module.__name__})()
        before = digest.describe_source(env)
        assert before[1] == {"mujoco": "4.0.0"}
        (tmp_path / "engine.py").write_text("import mujoco")
        assert digest.describe_source(env) == before  # Gymnasium goes by its version

    def test_versions_that_every_run_records_are_left_out(self):
        assert inspect_task(task()).distributions == {}
        assert inspect_task(task(wrappers=[("reverse_actions", {})])).distributions == {}

    @pytest.mark.slow
    def test_it_is_quick(self):
        env = make(task())
        digest._distributions_by_package.cache_clear()
        start = time.perf_counter()
        digest.describe_source(env)
        assert time.perf_counter() - start < 1  # 0.1 s on a quiet machine
        env.close()


class TestSpaces:
    def facts(self, observation=None, action=None):
        return TaskFacts(observation or spaces.Box(-1, 1, (2,)), action or spaces.Discrete(2), 10, "", {})

    def test_other_bounds_are_no_other_space(self):
        assert map_spaces(None, self.facts(), self.facts(spaces.Box(-9, 9, (2,)))).identity

    @pytest.mark.parametrize(
        ("other", "says"),
        [
            ({"observation": spaces.Box(-1, 1, (3,))}, "observation space"),
            ({"observation": spaces.Box(-1, 1, (2,), dtype="float64")}, "observation space"),
            ({"observation": spaces.Discrete(2)}, "observation space"),
            ({"action": spaces.Discrete(3)}, "action space"),
            ({"action": spaces.Discrete(2, start=1)}, "action space"),
            ({"action": spaces.MultiDiscrete([2])}, "action space"),
        ],
    )
    def test_other_forms_are_refused(self, other, says):
        with pytest.raises(ConfigError, match=says):
            map_spaces(None, self.facts(), self.facts(**other))
