"""Simulations run side by side in the background; a test waits for those that it judges."""

from __future__ import annotations

import os

import pytest

from archmodel.verify.contract import find_unit, unit_names
from archmodel.verify.plan import Plan
from archmodel.verify.run import SimulationPool, plan_simulations
from archmodel.verify.toolchain import SIMULATORS, Simulator, find_simulator


def _asked_simulators(config: pytest.Config) -> list[str]:
    name = config.getoption("--sim")
    return list(SIMULATORS) if name == "all" else [name]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every test that takes ``plans`` the simulations that it judges: one, those of a unit, or of both simulators.

    Which of these is said by the mark ``judges``.
    """
    if "plans" not in metafunc.fixturenames:
        return
    (scope,) = next(metafunc.definition.iter_markers("judges")).args
    asked = _asked_simulators(metafunc.config)
    cases: dict[str, list[Plan]] = {}
    for plan in plan_simulations([find_unit(name) for name in unit_names()], [find_simulator(name) for name in asked]):
        name = {
            "simulation": plan.name,
            "simulator": f"{plan.simulator.name}-{plan.unit.name}",
            "verilator": plan.unit.name if plan.simulator.name == "verilator" else "",
            "icarus": plan.unit.name if plan.simulator.name == "icarus" else "",
            "unit": plan.unit.name,
        }[scope]
        if name:
            cases.setdefault(name, []).append(plan)
    metafunc.parametrize("plans", cases.values(), ids=cases)


@pytest.fixture(scope="session")
def pool(request: pytest.FixtureRequest):
    """Start all simulations that the chosen tests need; workers of xdist start only those that they come to."""
    config, worker = request.config, os.environ.get("PYTEST_XDIST_WORKER", "")
    folder = config.rootpath / "results" / "rtl" / worker
    started = SimulationPool(folder, seed=config.getoption("--seed"), is_waves=config.getoption("--waves"))
    print(f"\nstimuli are drawn from seed {config.getoption('--seed')}; logs and waves: {folder}")
    for item in [] if worker else request.session.items:
        for plan in item.callspec.params.get("plans", []) if hasattr(item, "callspec") else []:
            if plan.simulator.is_usable:
                started.start(plan)
    yield started
    started.close()


@pytest.fixture
def need(request: pytest.FixtureRequest):
    """Find a simulator; without it the test is skipped, or fails where it is required."""

    def find(name: str) -> Simulator:
        found = find_simulator(name)
        if not found.is_usable:
            is_required = name in request.config.getoption("--require-sim").split(",")
            (pytest.fail if is_required else pytest.skip)(f"{name}: {found.detail}")
        return found

    return find


@pytest.fixture
def results(need, plans: list[Plan], pool: SimulationPool):
    """Wait for the simulations of a test."""
    for plan in plans:
        need(plan.simulator.name)
    return [(plan, *pool.start(plan).result()) for plan in plans]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "judges(scope): which simulations a test of hardware blocks is given")
    for name in filter(None, config.getoption("--require-sim").split(",")):
        find_simulator(name)
