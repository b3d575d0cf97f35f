"""Tuned hyperparameters of an installed package: taken where they are data, left alone where they are code."""

import json
import sys

import pytest

from rl_transfer.study import LEARNERS
from rl_transfer.study.rl_zoo import zoo_entry, zoo_version


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """Write a table of a package of our own that stands for the Zoo; importing it fails."""

    def write(text, algorithm="ppo"):
        folder = tmp_path / "site" / "rl_zoo3" / "hyperparams"
        folder.mkdir(parents=True, exist_ok=True)
        (folder.parent / "__init__.py").write_text("raise AssertionError('imported')")
        (folder / f"{algorithm}.yml").write_text(text)

    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "rl_zoo3", raising=False)
    return write


def entry_of(zoo, lines, algorithm="ppo"):
    zoo("Hill-v1:\n" + "".join(f"  {line}\n" for line in lines), algorithm)
    entry = zoo_entry(algorithm, "Hill-v1")
    assert entry is not None
    LEARNERS[algorithm].model_validate(entry.learner)
    return entry


def test_plain_values_become_settings(zoo):
    entry = entry_of(
        zoo,
        [
            "n_timesteps: !!float 3e5",
            "policy: MlpPolicy",
            "learning_rate: 1e-3",
            "clip_range: lin_0.2",
            "n_envs: 4",
            "normalize: \"{'norm_obs': True, 'norm_reward': False}\"",
            'policy_kwargs: "dict(net_arch=dict(pi=[8, 8], vf=[4]), activation_fn=nn.ELU, log_std_init=-1)"',
        ],
    )
    assert entry.steps == 300_000
    assert entry.left_out == ()
    assert entry.learner == {
        "algorithm": "ppo",
        "learning_rate": 0.001,
        "clip_range": "lin_0.2",
        "n_envs": 4,
        "normalize": {"observation": True, "reward": False},
        "net_arch": {"pi": [8, 8], "vf": [4]},
        "activation": "elu",
        "log_std_init": -1,
    }


def test_what_is_no_setting_here_is_said(zoo):
    entry = entry_of(zoo, ["n_envs: 2", "frame_stack: 4", "train_freq: [1, episode]"], "sac")
    assert entry.learner == {"algorithm": "sac", "n_envs": 2}
    assert entry.left_out == ("frame_stack: 4", "train_freq: [1, 'episode']")


@pytest.mark.parametrize("env", ["Hill-v1", "Hill-v7", "mine/Hill-v0", "module:mine/Hill-v0", "Hill"])
def test_namespace_and_version_are_not_compared_and_the_highest_is_taken(zoo, env):
    zoo("Hill-v9: {n_envs: 9}\nHill-v10: {n_envs: 10}\nHillside-v11: {n_envs: 11}\n7: {n_envs: 7}\n")
    entry = zoo_entry("ppo", env)
    assert (entry.name, entry.learner["n_envs"]) == ("Hill-v10", 10)


CODE = [
    "__import__('pathlib').Path({marker!r}).touch()",
    "dict(net_arch=__import__('pathlib').Path({marker!r}).touch())",
    "dict(**__import__('pathlib').Path({marker!r}).touch())",
    "[open({marker!r}, 'w') for _ in [1]]",
    "(lambda: open({marker!r}, 'w'))()",
    "dict(activation_fn=nn.ReLU.__init__.__globals__)",
    "{{[]: 1}}",
    "[" * 2000,
    "(" * 90 + "1" + ")" * 90,
    "-" * 5000 + "1",
    "nn" + ".x" * 3000,
    "9" * 6000,
    "\\0",
    "f'{{open({marker!r})}}'",
]


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("key", ["policy_kwargs", "normalize", "learning_rate", "n_timesteps"])
@pytest.mark.parametrize("code", CODE, ids=range(len(CODE)))
def test_code_is_never_evaluated(zoo, tmp_path, key, code):
    marker = tmp_path / "marker"
    entry = entry_of(zoo, ["n_envs: 3", f"{key}: {json.dumps(code.format(marker=str(marker)))}"])
    assert entry.learner["n_envs"] == 3
    assert not marker.exists()
    assert all(len(line) <= 100 and "\n" not in line for line in entry.left_out)


@pytest.mark.parametrize(
    "table",
    [
        "",
        "- a list",
        "Hill-v1: [1, 2]",
        "Hill-v1: null",
        "Hill-v1: !!python/object/apply:os.system [exit]",
        "Hill-v1: {n_envs: 2024-13-45}",
        "Hill-v1: " + "[" * 1100,
        "Other-v1: {n_envs: 2}",
    ],
    ids=range(8),
)
def test_a_table_that_is_none_gives_nothing(zoo, table):
    zoo(table)
    assert zoo_entry("ppo", "Hill-v1") is None
    assert zoo_entry("dqn", "Hill-v1") is None


@pytest.mark.parametrize(
    "value", ["many", "-5", "0", ".nan", ".inf", "[1]", "{a: 1}", "null"], ids=lambda text: f"steps {text}"
)
def test_steps_that_are_none(zoo, value):
    assert entry_of(zoo, [f"n_timesteps: {value}"]).steps is None


def test_texts_of_many_lines_and_values_without_end_are_said_in_one_line(zoo):
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    bomb += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 12)]
    entry = entry_of(zoo, [*bomb, r'env_wrapper: "one\nsource: {id: Evil-v0}"'])
    assert "env_wrapper: one source: {id: Evil-v0}" in entry.left_out
    assert all(len(line) <= 100 and "\n" not in line for line in entry.left_out)


def test_without_the_package_there_is_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert zoo_entry("ppo", "CartPole-v1") is None
    assert zoo_version() is None
