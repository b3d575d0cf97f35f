"""What takes longer: kills at random moments, many fuzzed files, the error level over many splits."""

import os
import random
import signal
import subprocess
import sys
import time
from math import sqrt

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_study import carry_out, children, curves, write_study

from rl_transfer.analysis import judge
from rl_transfer.errors import ConfigError
from rl_transfer.study import load_study

pytestmark = pytest.mark.soak
KILLS = 20
SPLITS = 5_000


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_kills_at_random_moments_change_no_byte(tmp_path, algorithm):
    dqn = {"algorithm": "dqn", "learning_starts": 20, "buffer_size": 3000, "train_freq": 4}
    study = {"segment_steps": 1024, "pair": {"budget": {"source": 8192, "target": 8192}}}
    if algorithm == "dqn":
        study["pair"]["learner"] = dqn
        study["arms"] = {"both": {"methods": ["fine_tune", {"replay": {"transitions": 1000}}]}}
    carry_out(tmp_path / "undisturbed", **study)
    file = write_study(tmp_path / "killed", **study)
    store = tmp_path / "killed/runs"
    command = [sys.executable, "-m", "rl_transfer.cli", "run", str(file), "--store", str(store)]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    moments = random.Random(0)
    kills = 0
    while kills < KILLS:
        program = subprocess.Popen(command, start_new_session=True, **silent)
        try:
            program.wait(timeout=moments.uniform(4, 7))
            break
        except subprocess.TimeoutExpired:
            workers = [worker for nursery in children(program.pid) for worker in children(nursery)]
            if workers and kills % 2:
                os.kill(moments.choice(workers), signal.SIGKILL)
                time.sleep(1)
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()
            kills += 1
    print(f"{kills} kills")
    assert kills >= 3
    carry_out(tmp_path / "killed", **study)
    assert curves(store) == curves(tmp_path / "undisturbed/runs")


@settings(deadline=None, max_examples=5000, suppress_health_check=list(HealthCheck))
@given(text=st.text(max_size=200) | st.text("abc:[]{}-,'\"&*!#%|>?\n ", max_size=200))
def test_any_text_is_a_study_or_refused(tmp_path_factory, text):
    file = tmp_path_factory.getbasetemp() / "fuzzed.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError):
        load_study(str(file))


def mixture(generator, size):
    """Scores as deep reinforcement learning has them: most runs learn, some stay where they were."""
    return np.where(generator.random(size) < 0.3, 0.02, generator.normal(0.5, 0.1, size))


def skewed(generator, size):
    return generator.gamma(1.0, 0.2, size)


def symmetric(generator, size):
    return generator.normal(0.5, 0.1, size)


@pytest.mark.parametrize("draw", [mixture, skewed, symmetric])
@pytest.mark.parametrize("sizes", [(5, 5), (10, 5), (8, 8)])
def test_false_alarms_over_many_splits(draw, sizes):
    generator = np.random.default_rng(1)
    alarms = sum(
        judge(draw(generator, sizes[0]), draw(generator, sizes[1])).verdict in ("positive", "negative")
        for _ in range(SPLITS)
    )
    rate = alarms / SPLITS
    print(f"{draw.__name__}, {sizes[1]} against {sizes[0]}: {rate:.4f} false alarms in {SPLITS} splits")
    assert rate <= 0.05 + 3 * sqrt(0.05 * 0.95 / SPLITS)
