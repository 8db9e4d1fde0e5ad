"""Make the folder of a new block, which passes its verification as it is."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from archmodel.errors import Fault, InputError
from archmodel.verify.contract import unit_names

_PLACEHOLDER = "my_unit"


def make_unit(path: str | Path) -> list[Path]:
    """Write contract, block, bench, law and testbench of a small pipeline; returns the files.

    Parameters
    ----------
    path
        Folder to make; its name becomes the name of the block.

    Raises
    ------
    InputError
        When the name is no identifier or taken, the folder exists, or a file cannot be written.
    """
    folder = Path(path).expanduser()
    subject = "new unit"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", folder.name):
        text = (
            f"{folder.name!r} is no name for a module; allowed: a lower-case letter, then lower-case letters, digits, _"
        )
        raise InputError(subject, [Fault("--new", text)])
    if folder.name in unit_names():
        text = f"{folder.name!r} is the name of a shipped block; choose another name"
        raise InputError(subject, [Fault("--new", text)])
    if folder.exists():
        raise InputError(subject, [Fault(str(folder), "exists already; choose another name or remove it")])
    written = []
    try:
        folder.mkdir(parents=True)
        for source in sorted(Path(str(files("archmodel.verify") / "template")).glob("*.in")):
            target = folder / source.name.removesuffix(".in").replace(_PLACEHOLDER, folder.name)
            text = source.read_text(encoding="utf-8").replace(_PLACEHOLDER, folder.name)
            target.write_text(text, encoding="utf-8")
            written.append(target)
    except OSError as error:
        raise InputError(subject, [Fault(str(folder), f"cannot be written: {error.strerror}")]) from error
    return written
