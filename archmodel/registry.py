"""Find plug-ins. An entry point names a package; every module in it is imported and registers what it defines.

Built-ins take the same way (see ``[project.entry-points]`` in ``pyproject.toml``): adding one is adding one file.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points


@cache
def import_plugins(group: str) -> None:
    """Import every module of every package registered under an entry-point group, e.g. ``archmodel.operators``."""
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        package = importlib.import_module(entry.value)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
