"""One arm of a study that is still going on: its comparisons as soon as its own runs are there."""

from rl_transfer.analysis.comparisons import Comparison, compare_arm, runs_at_look
from rl_transfer.analysis.load import load_pair
from rl_transfer.analysis.manifest import Manifest, controls
from rl_transfer.store import Store


def judge_arm(store: Store, manifest: Manifest, pair: str, arm: str, look: int) -> list[Comparison]:
    """Judge one transfer arm as of a look, reading no runs but its own, its controls' and its baseline's.

    Args:
        store: Where they lie.
        manifest: The study.
        pair: The pair.
        arm: The transfer arm.
        look: The last look to take, from 1.

    Returns:
        Its comparisons, as `compare` gives them; without p_study, which needs the whole study.

    Raises:
        RLTransferError: If a file is missing, damaged or contradicts the manifest; the text names it.
    """
    entry = manifest.pairs[pair]
    runs = [
        run
        for name in (entry.baseline, *controls(arm))
        for run in entry.first_runs(name, runs_at_look(manifest, name, look))
    ]
    alone = load_pair(store, pair, entry.model_copy(update={"runs": tuple(runs)}))
    return compare_arm(manifest, alone, arm, last_look=look)
