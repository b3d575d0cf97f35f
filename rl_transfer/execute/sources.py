"""Sources that the store has: trained here, or imported."""

from dataclasses import dataclass
from pathlib import Path

from rl_transfer.errors import ConfigError, StoreError, nearest
from rl_transfer.store import Store, read_spec
from rl_transfer.study import RunSpec

IMPORTED = "imported"
"""The folder of imported sources under ``runs``."""


@dataclass(frozen=True)
class StoredSource:
    """A finished source run.

    Attributes:
        name: What a pair's ``source_agent`` calls it: the name it was imported under, else its folder under ``runs``.
    """

    name: str
    key: str
    folder: Path
    spec: RunSpec

    @property
    def is_backbone(self) -> bool:
        """Whether it is a vision backbone, which has no policy."""
        return self.spec.imported is not None and self.spec.imported.backbone

    @property
    def has_experience(self) -> bool:
        """Whether it left transitions behind."""
        return (self.folder / "agent" / "experience.npz").is_file()


def stored_sources(store: Store) -> list[StoredSource]:
    """All finished source runs, imported ones first; those of other releases can't be read and are left out."""
    found = []
    for key, folder in store.index().items():
        if store.status(folder) is None:
            continue
        try:
            spec = read_spec(folder)
        except StoreError:
            continue
        if spec.role == "source":
            name = folder.parent.name if spec.imported is not None else store.relative(folder).removeprefix("runs/")
            found.append(StoredSource(name, key, folder, spec))
    return sorted(found, key=lambda source: (source.spec.imported is None, source.name))


def find_source(store: Store, name: str) -> StoredSource:
    """The source of a name.

    Raises:
        ConfigError: If the store has none of this name; says which name is nearest.
    """
    sources = {source.name: source for source in stored_sources(store)}
    if name in sources:
        return sources[name]
    hint = nearest(name, sources) if sources else "it has none yet"
    how = "'rl-transfer source import FILE --algorithm A --env ID' makes one of an agent's file"
    raise ConfigError(f"no finished source is called {name!r} in {store.root}; {hint}; {how}")
