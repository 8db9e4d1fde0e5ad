"""A folder of results: ``run.json``, tables as Parquet files in parts, and a log. What is written stays.

A part is written under another name, flushed to the disk and renamed, after the file with its checksum: if a part is
there, so is what it is held against. The bytes of a part follow from its values alone: what differs from run to run
(times, hosts) is in ``log.jsonl``.
"""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archmodel.errors import Fault, InputError
from archmodel.results.types import ResultTable

if TYPE_CHECKING:
    import duckdb

Columns = Mapping[str, NDArray[Any]]
SUBJECT = "results"
SCHEMA_VERSION = 1
"""Of the folder; a newer one is not read."""

_SQL_TYPES = {"i": "BIGINT", "f": "DOUBLE", "b": "BOOLEAN", "O": "VARCHAR"}
_N_SHOWN = 6  # differences that a message lists


@dataclass(frozen=True, slots=True)
class Store:
    """Results in a folder.

    Parameters
    ----------
    folder
        Where they are, or will be.
    """

    folder: Path

    def run(self) -> dict[str, Any]:
        """Read what was asked and with what.

        Raises
        ------
        InputError
            When the folder holds no results, or those of a newer archmodel.
        """
        path = self.folder / "run.json"
        try:
            run: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            version = int(run["schema"])
        except FileNotFoundError:
            text = "holds no results; give a folder that archmodel has written them to"
            raise InputError(SUBJECT, [Fault(str(self.folder), text)]) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            text = f"cannot be read: {error}; give another folder, or delete this one"
            raise InputError(SUBJECT, [Fault(str(path), text)]) from None
        if version > SCHEMA_VERSION:
            text = f"has schema {version}, and this archmodel knows {SCHEMA_VERSION}; install a newer one"
            raise InputError(SUBJECT, [Fault(str(path), text)])
        return run

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep others from writing here; the system frees the lock when the process ends, in whatever way.

        Raises
        ------
        InputError
            When another process holds it, or the folder is none or cannot be written.
        """
        path = self.folder / "lock"
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(SUBJECT, [Fault(str(self.folder), "is a file; give a folder, which need not exist")])
        with self._writing(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            file = path.open("a+", encoding="utf-8")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                text = f"is being written by {file.read().strip() or 'another process'}; wait, or take another folder"
                raise InputError(SUBJECT, [Fault(str(self.folder), text)]) from None
            with self._writing(path):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
                file.flush()
            yield

    def begin(self, run: Mapping[str, Any]) -> None:
        """Write down what is asked; go on with what is there if it is the same.

        Parameters
        ----------
        run
            Goes to ``run.json``. What is under ``asked`` must be the same for results to go on.

        Raises
        ------
        InputError
            When the folder holds results of something else: says what differs.
        """
        path = self.folder / "run.json"
        if path.exists():
            there, here = _flatten(self.run().get("asked")), _flatten(json.loads(json.dumps(run["asked"])))
            changed = [key for key in {**there, **here} if there.get(key) != here.get(key)]
            if changed:
                shown = [f"{key}: {there.get(key)!r} there, {here.get(key)!r} now" for key in changed[:_N_SHOWN]]
                shown += [f"and {len(changed) - _N_SHOWN} more"] if len(changed) > _N_SHOWN else []
                text = f"holds results of another sweep ({'; '.join(shown)}); take another folder, or delete this one"
                raise InputError(SUBJECT, [Fault(str(self.folder), text)])
            return
        self.write_text(path, f"{json.dumps({'schema': SCHEMA_VERSION, **run}, indent=1)}\n")

    def write_text(self, path: Path, text: str) -> None:
        """Write a file, whole or not at all."""
        draft = path.with_name(f"{path.name}.part")
        with self._writing(path):
            draft.write_text(text, encoding="utf-8")
            _publish(draft, path)

    def log(self, **said: Any) -> None:
        """Add a line to the log: what has happened, when, and where."""
        line = {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "host": socket.gethostname(), "process": os.getpid()}
        path = self.folder / "log.jsonl"
        with self._writing(path), path.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(end - 1, 0))
            is_cut_off = file.read(1) not in (b"", b"\n")  # by the end of a process
            file.write(b"\n" * is_cut_off + json.dumps({**line, **said}).encode() + b"\n")

    def part_path(self, table: str, idx: int) -> Path:
        """Name the file of a part."""
        return self.folder / table / f"part-{idx:05}.parquet"

    def count_parts(self, table: str) -> int:
        """Count the parts of a table as if none were lost: up to the last one that is there."""
        paths = (self.folder / table).glob("part-*.parquet")
        return max((1 + int(path.stem.removeprefix("part-")) for path in paths), default=0)

    def write_part(self, table: str, idx: int, columns: Columns) -> None:
        """Write a part of a table, whole or not at all.

        Parameters
        ----------
        table
            E.g. ``points``.
        idx
            Which part.
        columns
            Of equal length: whole numbers, numbers (NaN becomes NULL), truth values or text.

        Raises
        ------
        InputError
            When it cannot be written; what was written before stays.
        """
        import duckdb

        path = self.part_path(table, idx)
        draft = path.with_name(f"{path.name}.part")
        part = dict(columns)  # noqa: F841  (SQL below reads it by its name)
        listed = ", ".join(_select(name, column) for name, column in columns.items())
        with self._writing(path):
            path.parent.mkdir(exist_ok=True)
            with _open_cursor() as connection:
                try:
                    how = "FORMAT parquet, COMPRESSION zstd"
                    with _interruptible():
                        connection.execute(f"COPY (SELECT {listed} FROM part) TO {_quote(str(draft))} ({how})")
                except duckdb.Error as error:
                    draft.unlink(missing_ok=True)
                    raise OSError(0, str(error).splitlines()[0]) from error
            self.write_text(_checksum_path(path), f"{_hash(draft)}  {path.name}\n")
            _publish(draft, path)

    def is_finished(self, table: str, idx: int) -> bool:
        """Tell whether a part is there.

        Raises
        ------
        ValueError
            When it is, but is not what was written.
        """
        path = self.part_path(table, idx)
        if not path.exists():
            return False
        try:
            if _checksum_path(path).read_text(encoding="utf-8") == f"{_hash(path)}  {path.name}\n":
                return True
        except (OSError, ValueError) as error:
            raise ValueError(f"it cannot be checked: {error}") from error
        raise ValueError("its checksum is another one")

    def read_part(self, table: str, idx: int) -> dict[str, NDArray[Any]]:
        """Read a part that is finished; NULL becomes NaN."""
        with _open_cursor() as connection, _interruptible():
            read = connection.execute(f"SELECT * FROM read_parquet({_escape(self.part_path(table, idx))})")
            return {name: _plain(column) for name, column in read.fetchnumpy().items()}

    def set_aside(self, table: str, idx: int) -> Path:
        """Rename a part that is corrupt, so that it is made again; returns its new name."""
        path = self.part_path(table, idx)
        aside = path.with_name(f"{path.name}.corrupt")
        with self._writing(path):
            path.replace(aside)
        return aside

    def query(self, sql: str) -> ResultTable:
        """Answer a query in SQL (DuckDB); every table of the folder is a view.

        Parameters
        ----------
        sql
            One ``SELECT``.

        Raises
        ------
        InputError
            When it is no such query, or names what is not there.
        """
        with self._answer(sql) as answer:
            names = [each[0] for each in answer.description or ()]
            rows = answer.fetchall()
        return ResultTable({name: [row[idx] for row in rows] for idx, name in enumerate(names)})

    def arrays(self, sql: str) -> dict[str, NDArray[Any]]:
        """Answer a query, see `query`, with an array per column; NULL becomes NaN."""
        with self._answer(sql) as answer:
            return {name: _plain(column) for name, column in answer.fetchnumpy().items()}

    def tables(self) -> dict[str, Path]:
        """Map the name of every table that is there to its folder."""
        return {path.name: path for path in sorted(self.folder.iterdir()) if list(path.glob("part-*.parquet"))}

    @contextmanager
    def _answer(self, sql: str) -> Iterator[duckdb.DuckDBPyConnection]:
        import duckdb

        self.run()
        tables = self.tables()
        with duckdb.connect() as connection:
            with _interruptible():
                for name, path in tables.items():
                    files = ", ".join(_escape(part) for part in sorted(path.glob("part-*.parquet")))
                    connection.execute(f'CREATE VIEW "{name}" AS SELECT * FROM read_parquet([{files}])')
            try:
                statements = connection.extract_statements(sql)
                if [each.type for each in statements] != [duckdb.StatementType.SELECT]:
                    text = "is not one SELECT; results are only read, one query at a time"
                    raise InputError("query", [Fault(sql, text)])
                with _interruptible():
                    yield connection.execute(statements[0])
            except duckdb.Error as error:
                raise InputError("query", [Fault("", _explain(str(error), tables))]) from None

    @contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            text = f"cannot be written: {error.strerror}; parts that are finished are kept, the same command goes on"
            raise InputError(SUBJECT, [Fault(str(path), text)]) from error


def open_store(folder: str | Path) -> Store:
    """Open a folder that has results.

    Raises
    ------
    InputError
        When it has none, or those of a newer archmodel.
    """
    store = Store(Path(folder))
    store.run()
    return store


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let an interrupt end the block as one: DuckDB takes it, and says of its query only that it did."""
    import duckdb

    try:
        yield
    except (duckdb.Error, RuntimeError) as error:
        is_said = any(said in str(error) for said in ("KeyboardInterrupt", "Query interrupted"))
        if is_said or isinstance(error, duckdb.InterruptException):
            raise KeyboardInterrupt from error
        raise


def _open_cursor() -> duckdb.DuckDBPyConnection:
    """Open a connection to the database of this process."""
    return _open_database(os.getpid()).cursor()


@cache
def _open_database(process: int) -> duckdb.DuckDBPyConnection:
    """Open a database without tables, once in each process: that takes as long as to write a part.

    A process that was forked keeps that of its parent, too, but cannot use it, or end it: its threads are elsewhere.
    """
    import duckdb

    return duckdb.connect(config={"threads": 1})


def _explain(error: str, tables: Mapping[str, Path]) -> str:
    """Say what DuckDB says, and how to learn what there is."""
    lines = [line.strip() for line in error.splitlines() if line.strip() and set(line.strip()) != {"^"}]
    said = "; ".join(line for line in lines if not line.startswith("LINE"))
    return f'{said}; tables: {", ".join(tables) or "none yet"}; their columns: query "describe points"'


def _publish(draft: Path, path: Path) -> None:
    """Flush a file to the disk and give it its name."""
    for flushed in (draft, draft.parent):
        handle = os.open(flushed, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if flushed == draft:
            draft.replace(path)


def _select(name: str, column: NDArray[Any]) -> str:
    """Select a column with its type, which an empty table would not show; NaN becomes NULL."""
    quoted = '"' + name.replace('"', '""') + '"'
    value = f"CASE WHEN isnan({quoted}) THEN NULL ELSE {quoted} END" if column.dtype.kind == "f" else quoted
    return f"CAST({value} AS {_SQL_TYPES[column.dtype.kind]}) AS {quoted}"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _escape(path: Path) -> str:
    """Quote the name of a file for what would take ``*``, ``?`` and ``[`` for a pattern."""
    return _quote(glob.escape(str(path)))


def _plain(column: Any) -> NDArray[Any]:
    """Undo what reading does to missing numbers."""
    return column.filled(np.nan) if isinstance(column, np.ma.MaskedArray) else np.asarray(column)


def _checksum_path(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _flatten(tree: Any, path: str = "") -> dict[str, Any]:
    """List the values of nested mappings by dotted path."""
    if not isinstance(tree, Mapping):
        return {path: tree}
    return {
        key: leaf for name, below in tree.items() for key, leaf in _flatten(below, f"{path}.{name}".strip(".")).items()
    }
