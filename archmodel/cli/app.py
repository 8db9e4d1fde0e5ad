"""The tree of commands. Commands are named by import path, so that help imports none of them."""

from __future__ import annotations

from importlib.metadata import version

from cyclopts import App


def build_app() -> App:
    """Assemble the application."""
    app = App(
        name="archmodel",
        help="Performance models of RISC-V AI accelerators. --json prints JSON to stdout; --debug shows tracebacks.",
        version=version("archmodel"),
        help_format="plaintext",
    )
    for name, text in (
        ("run", "Evaluate one workload on one machine."),
        ("op", "Evaluate one operator, or a table of shapes."),
        ("ladder", "Time a workload by every model, side by side with the physical bound."),
        ("explain", "Say why an operator takes its cycles, and what would help."),
        ("map", "List the mappings of an operator that the mapper weighs."),
        ("timeline", "Write what every unit does and when, for ui.perfetto.dev or as a chart."),
        ("compare", "Put several machines side by side on one workload."),
        ("machines", "List the machines, or show one with its sources."),
        ("workloads", "List the workloads, or show one with its settings."),
        ("sweep", "Evaluate many machines on a mix of workloads; find the best."),
        ("query", "Ask results in SQL."),
        ("report", "Write a report to send around: tables and linked figures, without a network."),
        ("cost", "Say what a machine takes and costs, and what a workload on it does."),
        ("verify", "Hold the timing laws against hardware blocks, cycle by cycle, in a simulator."),
        ("plot", "Draw a figure of a machine, a run, a sweep or measurements."),
        ("demo", "Run the main job: four workloads on five machines, tables, figures and a small sweep."),
        ("doctor", "Say what is installed and whether it works."),
    ):
        app.command(f"archmodel.cli.{name}:{name}", name=name, help=text)
    return app
