"""A selection as it lies in the store: its numbers, and a pair file for each candidate, to be judged."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rl_transfer.analysis import Selection, ranked, records
from rl_transfer.analysis.selection import COLUMNS
from rl_transfer.errors import StoreError
from rl_transfer.execute.early_runs import Early
from rl_transfer.execute.identity import predictor_digest
from rl_transfer.store import Store, read_json, write_bytes, write_csv, write_json
from rl_transfer.study import LoadedPair
from rl_transfer.study.yaml_file import dump_yaml

FORMAT = 1
_HEADER = "# {about}: one of the candidates that rl-transfer select compared. rl-transfer run takes this file.\n"


def selection_folder(store: Store, name: str) -> Path:
    """Where a selection's files lie."""
    return store.root / "selections" / name


def pair_file(store: Store, name: str, pair: str) -> Path:
    """The file of a candidate's pair."""
    return selection_folder(store, name) / f"{pair}.yaml"


def identity_of(early: Early, asked: Mapping[str, object]) -> dict[str, Any]:
    """All that a selection's numbers depend on: what was asked, its pairs, the keys of its runs, and the code."""
    content = {
        **asked,
        "arm": early.arm,
        "share": early.share,
        "excluded": early.excluded,
        "pairs": {pair.name: pair.config.model_dump(mode="json") for pair in early.plan.study.pairs},
        "runs": {run.name: run.key for run in early.plan.runs},
        "code": predictor_digest(),
    }
    found: dict[str, Any] = json.loads(json.dumps(content))
    return found


def stored_selection(store: Store, name: str, identity: Mapping[str, Any]) -> Selection | None:
    """The same selection, if the store has it already; None if it has none of this name.

    Raises:
        StoreError: If the name stands for another selection, or the file is damaged.
    """
    path = selection_folder(store, name) / "selection.json"
    if not path.exists():
        return None
    content = read_json(path)
    try:
        there = content["selection"]["identity"]
        if content["format"] == FORMAT and there == identity:
            return Selection.model_validate(content["selection"])
        differs = sorted(key for key in {**there, **identity} if there.get(key) != identity.get(key))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{path}: no selection of this release: give this one a name with --name") from error
    raise StoreError(
        f"{path.parent} holds another selection of this name (other {', '.join(differs)}): give this one a name of its "
        "own with --name, or another --store; nothing was changed"
    )


def write_selection(store: Store, selection: Selection, pairs: Iterable[LoadedPair]) -> None:
    """Write ``selection.csv``, a pair file for each candidate, and at last ``selection.json``.

    Args:
        store: Where.
        selection: What was found.
        pairs: The candidates' pairs with their whole budgets; none where a study has them.
    """
    folder = selection_folder(store, selection.name)
    write_csv(folder / "selection.csv", COLUMNS, selection.rows())
    for pair in pairs:
        content = pair.config.model_dump(mode="json", exclude_unset=True)
        text = _HEADER.format(about=pair.config.description) + dump_yaml(content)
        write_bytes(pair_file(store, selection.name, pair.name), text.encode())
    ranking = {
        target: [
            {"source": one.candidate.source, "mean_rank": one.mean_rank, "ranks": dict(one.ranks)}
            for one in ranked(selection.of_target(target))
        ]
        for target in selection.targets
    }
    found: dict[str, Any] = {"format": FORMAT, "selection": selection.model_dump(mode="json"), "ranking": ranking}
    if selection.study is not None:
        found["records"] = [record.to_dict() for record in records(selection)]
    write_json(folder / "selection.json", found)
