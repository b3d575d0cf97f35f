"""Source, transfer, verdict through the Python API: does a CartPole agent help to learn a CartPole of your own?

Run it with ``python scripts/source_to_verdict.py``; it trains for some minutes the first time, later it only reads.
"""

from pathlib import Path

import yaml

from rl_transfer import run_study

PAIR = {
    "source": {"id": "transfer/CartPole-v0"},
    "target": {"id": "transfer/CartPole-v0", "kwargs": {"gravity": 20.0, "masspole": 0.5}},
    "learner": {"algorithm": "ppo", "n_envs": 8, "n_steps": 32, "batch_size": 256, "learning_rate": 0.001},
    "budget": {"source": 20480, "target": 10240},
    "score": {"random": 20.0, "reference": 500.0, "worst": 8.0},
    "threshold_score": 0.8,
    "source_threshold_return": 300.0,
}

if __name__ == "__main__":
    pair = Path("runs/my_cartpole.yaml")
    pair.parent.mkdir(exist_ok=True)
    pair.write_text(yaml.safe_dump(PAIR))
    outcome = run_study(pair, overrides=["seeds=5"])
    for comparison in outcome.results.comparisons:
        print(f"{comparison.arm} against {comparison.baseline}: {comparison.text}")
    print("report:", outcome.report)
