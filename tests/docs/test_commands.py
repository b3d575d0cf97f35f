"""Every command of the documents is carried out in a folder that has what it speaks of; what trains for long is not.

- What trains a study is planned instead: `rl-transfer run` as `rl-transfer plan` with the same study and settings,
  which loads and validates all that a run would.
- What is in ONLY_PARSED is only parsed, by the program's own parser, for the reason that stands there.
- Everything else is done as it is written.
"""

import runpy
import shutil
import sys

import numpy as np
import pytest
from documents import PAGES, ROOT, blocks, commands, named_block
from foreign_curves import level_rows, write_csv
from tiny_study import write_study

from rl_transfer import run_study
from rl_transfer.cli import main

pytestmark = pytest.mark.slow

ONLY_PARSED = {
    "rl-transfer select": "trains sources and early runs; tests/cli/test_select.py carries a small one out",
    "rl-transfer play": "draws films; tests/run/test_play.py draws short ones",
    "rl-transfer tensorboard": "serves until Ctrl-C; tests/report/test_tensorboard_server.py asks one",
    "rl-transfer tune": "trains every trial; tests/cli/test_tune.py carries a small one out",
    "python scripts/calibrate.py": "takes hours; tests/test_calibration.py has a small version",
    "python scripts/make_pools.py": "trains 600 runs",
    "python scripts/measure_guard.py": "reads 90 runs that the study `guard` trained",
    "python scripts/published_table.py": "trains 80 runs; tests/test_published_table.py has a few",
    "python scripts/measure_signals.py": "trains for minutes; its parts are tested with the signals",
    "python scripts/tensorboard_pictures.py": "draws over the pictures of a study that was carried out",
    "python scripts/verify_pair.py": "trains for minutes",
    "python scripts/draw_families.py": "draws all families, for minutes, over the pictures",
    "python -m pytest": "this is one of these tests",
}
ELSEWHERE = {
    "docs/adding_a_method.md": "test_adding_a_method.py, in a copy of the repository to which the method was added",
}
OURS = [(page, words) for page, words in commands("rl-transfer") if page not in ELSEWHERE]
PYTHON = [(page, words) for page, words in commands("python") if page not in ELSEWHERE]


def reason(words):
    return next((why for start, why in ONLY_PARSED.items() if " ".join(words).startswith(start)), None)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with all that the commands speak of: pairs, studies, a store, other people's agents and curves."""
    folder = tmp_path_factory.mktemp("place")
    for name, study, pole in (("my_pair", "my_pair", 0.5), ("cartpole_heavy_pole", "quickstart", 1.0)):
        target = {"id": "transfer/CartPole-v0", "kwargs": {"masspole": pole}}
        file = write_study(folder / study, pair={"target": target}, pairs=[f"{name}.yaml"])
        (folder / study / "mine.yaml").rename(folder / study / f"{name}.yaml")
        run_study(file, store=folder / "runs", workers=2, name=study)
    _curves(folder)
    _agents(folder)
    (folder / "my_envs.py").write_text(named_block("docs/adding_an_environment.md", "my_envs.py"), encoding="utf-8")
    (folder / "my_study.yaml").write_text(named_block("docs/first_study.md", "my_study.yaml"), encoding="utf-8")
    return folder


def _curves(folder):
    """The files and folders of docs/judging.md: a table, evaluations of EvalCallback, TensorBoard's events."""
    from torch.utils.tensorboard import SummaryWriter

    rows = [*level_rows("scratch", [60, 61, 62, 63, 64]), *level_rows("warm_start", [110, 111, 112, 113, 114])]
    write_csv(folder / "curves.csv", rows)
    there = [row | {"pair": "cartpole"} for row in rows]
    elsewhere = [row | {"pair": "pendulum", "return": row["return"] - 1300} for row in rows]
    write_csv(folder / "all.csv", [*there, *elsewhere])
    for arm, base in (("scratch", 60), ("warm_start", 110)):
        for seed in range(1, 6):
            run = folder / "logs" / arm / f"CartPole-v1_{seed}"
            run.mkdir(parents=True)
            results = np.array([[20.0 + seed], [base + seed / 2], [base + seed]])
            np.savez(run / "evaluations.npz", timesteps=np.array([10, 20, 30]), results=results, ep_lengths=results)
            with SummaryWriter(str(folder / "tb" / arm / f"PPO_{seed}")) as writer:
                for step, value in ((10, 20 + seed), (20, base + seed / 2), (30, base + seed)):
                    writer.add_scalar("eval/mean_reward", value, step)


def _agents(folder):
    """Files as strangers save them."""
    from stable_baselines3 import DQN, PPO, SAC
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import VecNormalize

    env = VecNormalize(make_vec_env("Acrobot-v1"))
    env.reset()
    PPO("MlpPolicy", env, device="cpu").save(folder / "ppo-Acrobot-v1.zip")
    env.save(str(folder / "vecnormalize.pkl"))
    PPO("MlpPolicy", "CartPole-v1", device="cpu").save(folder / "ppo-CartPole-v1.zip")
    dqn = DQN("MlpPolicy", "LunarLander-v3", policy_kwargs={"net_arch": [256, 256]}, device="cpu", buffer_size=10)
    dqn.save(folder / "dqn-LunarLander-v2.zip")
    SAC("MlpPolicy", "Pendulum-v1", device="cpu", buffer_size=10).save(folder / "their_agent.zip")


def instead(words):
    """The arguments that stand for a command: of one that trains a study, those of its plan."""
    if words[1] != "run":
        return words[1:]
    named = words.index("--name") if "--name" in words else len(words)
    return ["plan", *words[2:named], *words[named + 2 :]]


def test_every_command_is_carried_out_planned_or_parsed_for_a_reason(place, monkeypatch, capsys):
    """In their order on a page, each once: what one writes the next reads."""
    monkeypatch.chdir(place)
    done = set()
    for page, words in OURS:
        arguments = instead(words)
        if reason(words) or tuple(arguments) in done:
            continue
        done.add(tuple(arguments))
        if arguments[:2] == ["new", "pair"]:
            (place / f"{arguments[2]}.yaml").unlink(missing_ok=True)
        assert main(arguments) == 0, f"{page}: {' '.join(words)}\n{''.join(capsys.readouterr())[-2000:]}"
    assert len(done) > 25


class Parsed(Exception):
    """Ends a script once it has read its options."""


@pytest.mark.parametrize(("page", "words"), [(page, words) for page, words in PYTHON if words[1] != "-m"])
def test_a_script_takes_its_options(page, words, monkeypatch):
    import tyro

    parse = tyro.cli

    def stop(*arguments, **more):
        parse(*arguments, **more)
        raise Parsed

    script = ROOT / words[1]
    assert script.is_file() and reason(words), page
    if "tyro.cli" not in script.read_text(encoding="utf-8"):
        assert words[2:] == [], f"{page}: {words[1]} has no options"
        return
    monkeypatch.setattr(tyro, "cli", stop)
    monkeypatch.setattr(sys, "argv", words[1:])
    monkeypatch.setattr(sys, "path", [str(script.parent), *sys.path])
    with pytest.raises(Parsed):
        runpy.run_path(str(script), run_name="__main__")


def test_the_read_me_s_pair_is_planned(place, monkeypatch):
    """That which is written by hand."""
    monkeypatch.chdir(place)
    for page in ("README.md", "docs/adding_a_pair.md"):
        (text,) = (text for where, _, text in blocks("yaml") if where == page and "threshold_score" in text)
        (place / "by_hand.yaml").write_text(text, encoding="utf-8")
        assert main(["plan", "by_hand.yaml"]) == 0


def test_python_of_the_documents_runs(place, tmp_path, monkeypatch, capsys):
    """What trains takes fewer steps."""
    from stable_baselines3 import PPO

    monkeypatch.chdir(tmp_path)
    shutil.copy(place / "curves.csv", tmp_path)
    PPO("MlpPolicy", "CartPole-v1", device="cpu").save(tmp_path / "other_agent.zip")
    ran = 0
    for page, _, text in blocks("python"):
        if page in ("README.md", "docs/adding_a_method.md", "docs/adding_an_environment.md"):
            continue  # trains arms of eight seeds; a method and an environment, which others of these tests add
        model = PPO("MlpPolicy", "CartPole-v1", device="cpu", n_steps=64)
        exec(text.replace("100_000", "64").replace("20_000", "64"), {"model": model})
        ran += 1
    assert ran >= 4
    assert "Positive: the arm scores more than its baseline" in capsys.readouterr().out


def test_reasons_are_about_commands_that_there_are():
    written = [" ".join(words) for first in ("rl-transfer", "python") for _, words in commands(first)]
    for start in ONLY_PARSED:
        assert any(command.startswith(start) for command in written), start
    assert set(ELSEWHERE) <= set(PAGES)
