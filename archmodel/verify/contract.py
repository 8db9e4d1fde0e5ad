"""Contracts: the file that says what of a hardware block is checked, at which parameters and how often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, ClassVar

from archmodel.errors import Fault, InputError, UnknownNameError, suggest
from archmodel.inputs import SCHEMA, Document, build, in_reading_order, read_yaml
from archmodel.machine.load import whole_value
from archmodel.units import COUNT
from archmodel.verify.toolchain import SIMULATORS

SUBJECT = "contract"
FILE = "contract.yaml"


@dataclass(frozen=True, slots=True)
class Fit:
    """Which events of a block are the two ends of a pipeline, whose numbers ``archmodel verify --fit`` estimates.

    Parameters
    ----------
    entry, exit
        Events in which a word enters and leaves it.
    source, sink
        Streams whose gaps say when a word is offered, and wanted; named as the events unless said otherwise. Not read
        where ``law.py`` has a function ``words``, which says so itself.
    build
        The build that a machine has; the first one unless said otherwise.
    latency, interval, depth
        Values of a machine that the numbers are: ``timing.engines.simd_latency``. Those that are absent are estimated,
        and not written into the fragment of a machine.
    """

    __pydantic_config__: ClassVar = SCHEMA
    entry: str
    exit: str
    source: str | None = None
    sink: str | None = None
    build: str | None = None
    latency: str | None = None
    interval: str | None = None
    depth: str | None = None


@dataclass(frozen=True, slots=True)
class Tolerances:
    """By how much of its cycles a point may differ, `Contract`.

    Parameters
    ----------
    cycles_tolerance_frac, counters_tolerance_frac, models_tolerance_frac
        Of the cycles and events, of each counter, and of the cycles of other models.
    """

    __pydantic_config__: ClassVar = SCHEMA
    cycles_tolerance_frac: float = 0.0
    counters_tolerance_frac: float | None = 0.0
    models_tolerance_frac: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contract:
    """What ``contract.yaml`` says.

    Parameters
    ----------
    title
        What the block is.
    sources
        Files of the block, relative to its folder (or ``../other/file.sv``); the bench is added.
    builds
        Parameters of the bench by name of the build; each is elaborated once.
    icarus
        Builds that Icarus runs, too: small ones, as it is a hundred times slower.
    points
        Points by simulator, spread evenly over its builds.
    events
        Names of the strobes of the event log, from bit 0 up.
    coverage
        Functional coverage bins; each has to be hit by the points of a simulator.
    not_on_icarus
        Those of them that take a simulator too long that is so slow.
    waveform
        Signals of the bench that its figure shows, from top to bottom.
    counters
        Names of the stall counters of 32 bits in the bench's signal ``counters``, from bit 0 up: a unit and a cause.
    cycles_tolerance_frac
        By how much of the cycles of a point they may differ from those of the law, and as much each event. If there is
        none, cycles and events have to be equal.
    counters_tolerance_frac
        By how much of the cycles of a point each of them may differ from the model's ledger; ``null`` where counters
        are reported, but not compared.
    models_tolerance_frac
        By how much the cycles of a point may differ from those of each of these models besides, at the points for which
        ``law.py`` gives any.
    kernels
        Tolerances of points whose kernel has its own, by the name that ``law.py`` gives them; instead of those above.
    fit
        The pipeline that ``--fit`` looks at; absent where there is none.
    """

    __pydantic_config__: ClassVar = SCHEMA
    title: str
    sources: tuple[str, ...]
    builds: Mapping[str, Mapping[str, int]]
    icarus: tuple[str, ...]
    points: Mapping[str, Annotated[int, COUNT]]
    events: tuple[str, ...]
    coverage: tuple[str, ...]
    not_on_icarus: tuple[str, ...] = ()
    waveform: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    cycles_tolerance_frac: float = 0.0
    counters_tolerance_frac: float | None = 0.0
    models_tolerance_frac: Mapping[str, float] = field(default_factory=dict)
    kernels: Mapping[str, Tolerances] = field(default_factory=dict)
    fit: Fit | None = None

    def tolerances_of(self, kernel: str | None) -> Tolerances:
        """Tolerances of a point that plays a kernel, or none."""
        common = Tolerances(self.cycles_tolerance_frac, self.counters_tolerance_frac, self.models_tolerance_frac)
        return self.kernels.get(kernel or "", common)


@dataclass(frozen=True, slots=True)
class Unit:
    """A hardware block in a folder: ``contract.yaml``, SystemVerilog, ``law.py``, ``tb_NAME.py``."""

    name: str
    folder: Path
    contract: Contract = field(repr=False)

    @property
    def top(self) -> str:
        """Name of the bench's top module."""
        return f"{self.name}_bench"

    @property
    def rtl_sources(self) -> list[Path]:
        """Files of the block itself."""
        return [(self.folder / name).resolve() for name in self.contract.sources]

    @property
    def own_sources(self) -> list[Path]:
        """Those in its folder; the others belong to blocks that are checked on their own."""
        return [path for path in self.rtl_sources if path.parent == self.folder.resolve()]

    @property
    def bench_sources(self) -> list[Path]:
        """Files of the bench, the shared ones first and the top last."""
        common = common_folder()
        return [common / "bench.vlt", *sorted(common.glob("*.sv")), self.folder / f"{self.top}.sv"]

    def builds_of(self, simulator: str) -> list[str]:
        """Names of the builds that a simulator runs."""
        return list(self.contract.icarus if simulator == "icarus" else self.contract.builds)


def stub_folder() -> Path:
    """Folder of the shipped blocks: in a checkout beside the package, else inside it."""
    package = Path(str(files("archmodel")))
    beside = package.parent / "rtl_stubs"
    return beside if (beside / "common").is_dir() else package / "_data" / "rtl_stubs"


def common_folder() -> Path:
    """Folder of what all benches share."""
    return stub_folder() / "common"


def unit_names() -> list[str]:
    """Names of the shipped blocks."""
    return sorted(path.parent.name for path in stub_folder().glob(f"*/{FILE}"))


def find_unit(name: str) -> Unit:
    """Load a block by the name of a shipped one or the path of a folder.

    Raises
    ------
    UnknownNameError
        When it is neither.
    InputError
        When the contract is wrong or a file is missing.
    """
    shipped = stub_folder() / name
    folder = shipped if name in unit_names() else Path(name).expanduser().resolve()
    if not folder.is_dir():
        raise UnknownNameError("unit", name, unit_names(), hint="or give the folder of a block of your own")
    if not (folder / FILE).is_file():
        raise InputError(
            SUBJECT, [Fault(str(folder), f"has no {FILE}; make a folder with: archmodel verify --new NAME")]
        )
    document = read_yaml(folder / FILE, SUBJECT)
    unit = Unit(folder.name, folder, build(Contract, document))
    faults = [*_contract_faults(unit.contract, document), *_file_faults(unit)]
    if faults:
        raise InputError(f"{SUBJECT} of {unit.name}", in_reading_order(faults))
    return unit


def _contract_faults(contract: Contract, document: Document) -> list[Fault]:
    faults = []
    for i, name in enumerate(contract.not_on_icarus):
        if name not in contract.coverage:
            where = document.where(("not_on_icarus", str(i)))
            faults.append(Fault(where, f"not_on_icarus: no bin {name!r}; {suggest(name, contract.coverage)}"))
    for i, name in enumerate(contract.icarus):
        if name not in contract.builds:
            allowed = ", ".join(contract.builds)
            faults.append(Fault(document.where(("icarus", str(i))), f"icarus: no build {name!r}; builds: {allowed}"))
    for name in contract.points:
        if name not in SIMULATORS:
            where = document.where(("points", name))
            faults.append(Fault(where, f"points.{name}: is no simulator; allowed: {', '.join(SIMULATORS)}"))
    faults += [
        Fault(document.where((key,)), f"{key}: empty; name at least one")
        for key in ("sources", "builds", "events")
        if not getattr(contract, key)
    ]
    return [*faults, *_fit_faults(contract, document)]


def _fit_faults(contract: Contract, document: Document) -> Iterator[Fault]:
    """Find what a fit names that is not there."""
    fit = contract.fit
    if fit is None:
        return
    for key, known in (("entry", contract.events), ("exit", contract.events), ("build", contract.builds)):
        name = getattr(fit, key)
        if known and name is not None and name not in known:
            text = f"fit.{key}: no {'build' if key == 'build' else 'event'} {name!r}; {suggest(name, known)}"
            yield Fault(document.where(("fit", key)), text)
    for key in ("latency", "interval", "depth"):
        path = getattr(fit, key)
        try:
            _ = path and whole_value(path, 1)
        except ValueError as error:
            yield Fault(document.where(("fit", key)), f"fit.{key}: {path}: {error}")


def _file_faults(unit: Unit) -> list[Fault]:
    needed: list[Path] = [*unit.rtl_sources, unit.folder / f"{unit.top}.sv"]
    needed += [unit.folder / "law.py", unit.folder / f"tb_{unit.name}.py"]
    return [Fault(str(path), "no such file; a block needs it") for path in needed if not path.is_file()]


def describe_point(parameters: Mapping[str, Any]) -> str:
    """Write parameters on one line: ``SIZE=4 WIDTH=8``."""
    return " ".join(f"{name}={value}" for name, value in parameters.items())
