"""Read and run the fenced blocks of documentation pages; as a script, renew the outputs that pages show.

A page is a session in one empty folder:

- ``{code-block}`` with a caption: a file of that name is written.
- ``console``: each command runs. Where commands begin with ``$``, output below them must match; ``...`` stands for
  anything. ``<!-- exits N -->`` before the block says what exit code is right; output is then that on standard error.
  ``<!-- not run: REASON -->`` leaves a block out.
- ``python``: runs in one namespace per page; a ``text`` block right behind it is what it prints.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from archmodel.cli import main as archmodel

BIN = Path(sys.executable).parent
# CI runs these themselves; the shell of a page knows the commands of the environment already.
LEFT_TO_CI = ("make ", ". .venv/")
# What a page installs goes into its folder, from the network nothing comes.
PIP = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
}  # fmt: skip
_SHELL = frozenset("|&;<>$`\\")  # what only a shell understands
_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<info>[^`\n]*)\n(?P<body>.*?)^(?P=fence)[ ]*$", re.DOTALL | re.MULTILINE)
_EXITS = re.compile(r"<!-- exits (\d+) -->\n$")
_NOT_RUN = re.compile(r"<!-- not run: .+ -->\n$")


@dataclass
class Block:
    """One fenced block: its language, text, place in the page, and what is said of it."""

    language: str
    body: str
    span: tuple[int, int]
    caption: str = ""
    exit_code: int = 0
    is_run: bool = True


def blocks_of(page: str) -> list[Block]:
    """Find the fenced blocks of a page."""
    blocks = []
    for match in _FENCE.finditer(page):
        info, body, before = match["info"].strip(), match["body"], page[: match.start()]
        exits = _EXITS.search(before)
        block = Block(info, body, match.span("body"), is_run=not _NOT_RUN.search(before))
        block.exit_code = int(exits[1]) if exits else 0
        if info.startswith("{code-block}"):
            options, _, block.body = body.partition("\n\n")
            block.language, block.caption = "file", options.removeprefix(":caption: ").strip()
        blocks.append(block)
    return blocks


def run_page(page: str, folder: Path) -> str:
    """Run a page in a folder; returns the page with outputs as they really are.

    Raises
    ------
    AssertionError
        When a command exits with another code than it should.
    """
    session = _Session(folder)
    edits: list[tuple[tuple[int, int], str]] = []
    printed = None
    for block in blocks_of(page):
        if block.language == "text" and printed is not None:
            edits.append((block.span, _keep_if_matching(block.body, printed)))
        printed = None
        if not block.is_run:
            continue
        if block.language == "file":
            path = folder / block.caption
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.body, encoding="utf-8")
        elif block.language == "python":
            printed = session.python(block.body)
        elif block.language in ("console", "sh", "bash"):
            edits.append((block.span, session.console(block)))
    for (start, end), text in reversed(edits):
        page = page[:start] + text + page[end:]
    return page


class _Session:
    def __init__(self, folder: Path) -> None:
        self.folder, self.site = folder, folder / "site"
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        self.env = {**os.environ, **PIP, "PATH": path, "PIP_TARGET": str(self.site), "PYTHONPATH": str(self.site)}
        self.env.pop("COLUMNS", None)

    def python(self, code: str) -> str:
        text = io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(text):
            exec(compile(code, "<page>", "exec"), self.namespace)
        return text.getvalue()

    def console(self, block: Block) -> str:
        lines = []
        for command, shown in _commands(block.body):
            marker = "$ " if block.body.startswith("$ ") else ""
            lines.append(f"{marker}{command}\n")
            if command.startswith(LEFT_TO_CI) or not command:
                continue
            words = shlex.split(command, comments=True)
            is_ours = words[0] == "archmodel" and not _SHELL & set("".join(words)) and not self.site.exists()
            code, out, err = self.archmodel(words[1:]) if is_ours else self.shell(command)
            assert code == block.exit_code, f"{command}\n{out}{err}"
            if shown:
                lines.append(_keep_if_matching(shown, err if block.exit_code else out))
        return "".join(lines)

    def archmodel(self, arguments: list[str]) -> tuple[int, str, str]:
        """Run it in this process, which has imported and compiled what it needs; returns exit code and outputs."""
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err),
            patch.dict(os.environ, self.env, clear=True),
        ):  # fmt: skip
            code = archmodel(arguments)
        return code, out.getvalue(), err.getvalue()

    def shell(self, command: str) -> tuple[int, str, str]:
        """Run anything else, and what has to find a package that the page has installed."""
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=400
        )
        return done.returncode, done.stdout, done.stderr


def _commands(body: str) -> list[tuple[str, str]]:
    """Pair commands with the output shown below them."""
    if not body.startswith("$ "):
        return [(line, "") for line in body.splitlines()]
    parts = re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]
    return [(command, shown) for command, _, shown in (part.partition("\n") for part in parts)]


def _keep_if_matching(shown: str, printed: str) -> str:
    """Give what is shown if it matches what was printed, with ``...`` for anything, else what was printed."""
    printed = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
    return shown if doctest.OutputChecker().check_output(shown, printed, doctest.ELLIPSIS) else printed


def main() -> None:
    """Rewrite the pages given as arguments with their outputs as they really are."""
    import tempfile

    for name in sys.argv[1:]:
        path = Path(name)
        with tempfile.TemporaryDirectory() as folder:
            path.write_text(run_page(path.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
