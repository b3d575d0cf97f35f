"""Study and pair files of the tests' own, so that a change of a shipped file changes no test."""

from collections.abc import Callable
from pathlib import Path

import pytest

PAIR = """\
description: a pair
source: {id: CartPole-v1}
target:
  id: CartPole-v1
  kwargs: {masspole: 1.0}
  wrappers: [reverse_actions]
learner:
  algorithm: ppo
  n_steps: 32
  gamma: 0.98
budget: {source: 4096, target: 2048}
score: {random: 20.0, reference: 500, worst: 0.0}
threshold_score: 0.8
source_threshold_return: 400
"""

STUDY = """\
description: a study
pairs: [./pair.yaml]
arms:
  fine_tune:
    methods: [fine_tune]
  two:
    methods:
      - fine_tune
      - freeze: {roles: [policy_body], rate: 1e-3}
seeds: 5
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write ``study.yaml`` and ``pair.yaml`` beside each other, each with pieces replaced; returns the study."""

    def write(*, study: tuple[str, str] = ("", ""), pair: tuple[str, str] = ("", "")) -> Path:
        for name, text, (old, new) in (("study", STUDY, study), ("pair", PAIR, pair)):
            assert not old or text.count(old) == 1, f"{old!r} must stand once in the {name}"
            changed = text.replace(old, new) if old else text + new
            (tmp_path / f"{name}.yaml").write_text(changed, encoding="utf-8")
        return tmp_path / "study.yaml"

    return write
