"""With which versions, and on which processors, the runs of a study were made."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rl_transfer.analysis import StudyData
from rl_transfer.errors import RLTransferError
from rl_transfer.report.wording import count
from rl_transfer.store import read_json


def versions_in_words(store: Path | None, data: StudyData) -> str:
    """The libraries' versions as a sentence; where runs have several, how many runs have which.

    Args:
        store: The store's folder; None for curves that other programs made, whose versions nobody knows.
        data: The study.

    Raises:
        RLTransferError: If a run's file can't be read.
    """
    if store is None:
        return f"Versions: {_list(data.manifest.versions)}."
    folders = {store / run.path for pair in data.pairs for run in pair.finished}
    specs = (_read(folder / "spec.json", "spec") for folder in folders if (folder / "spec.json").is_file())
    versions = [spec["versions"] for spec in specs if spec.get("versions")]
    return " ".join(filter(None, [_versions(versions or [data.manifest.versions]), _processors(folders)]))


def _read(path: Path, *keys: str) -> dict[str, Any]:
    """What a file of a run says, or a part of it."""
    content = read_json(path)
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    if not isinstance(content, dict):
        raise RLTransferError(f"{path}: {'.'.join(keys) or 'the file'} needs values by name; is it damaged?")
    return content


def _versions(found: Iterable[Mapping[str, Any]]) -> str:
    by_library: dict[str, Counter[str]] = {}
    for versions in found:
        for library, version in versions.items():
            by_library.setdefault(library, Counter())[str(version)] += 1
    same = {library: next(iter(counts)) for library, counts in by_library.items() if len(counts) == 1}
    several = [f"{library} {_counts(counts)}" for library, counts in sorted(by_library.items()) if len(counts) > 1]
    said = f"Versions: {_list(dict(sorted(same.items())))}." if same else ""
    return f"{said} The runs differ: {'; '.join(several)}." if several else said


def _processors(folders: Iterable[Path]) -> str:
    machines = [_read(folder / "machine.json") for folder in folders if (folder / "machine.json").is_file()]
    found = Counter(str(machine.get("processor", "unknown")) for machine in machines)
    return f"Processors: {_counts(found)}." if found else ""


def _counts(found: Counter[str]) -> str:
    return ", ".join(f"{name} ({count(number, 'run')})" for name, number in sorted(found.items()))


def _list(versions: Mapping[str, Any]) -> str:
    return ", ".join(f"{library} {version}" for library, version in versions.items())
