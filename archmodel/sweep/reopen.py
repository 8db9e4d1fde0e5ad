"""Open the sweep of a folder of results again, so that more can be said of its points."""

from __future__ import annotations

import json

from archmodel.errors import Fault, InputError
from archmodel.results.store import SUBJECT, Store
from archmodel.sweep.load import Sweep, load_sweep
from archmodel.sweep.run import describe_inputs


def reopen_sweep(store: Store) -> Sweep:
    """Load the sweep that left some results; of several models, with the last one, which has table ``points``.

    Parameters
    ----------
    store
        The results.

    Raises
    ------
    InputError
        When they do not hold the sweep, or it would not give the same results any more: a machine, a workload or
        archmodel itself has changed.
    """
    run, where = store.run(), str(store.folder)
    if "description" not in run:
        text = "does not hold the sweep that it is of; run 'archmodel sweep' again into another folder"
        raise InputError(SUBJECT, [Fault(where, text)])
    sweep = load_sweep({**run["description"], "name": run["sweep"]})
    there, here = run["asked"], json.loads(json.dumps(describe_inputs(sweep)))
    changed = [name for name in here if here[name] != there.get(name)]
    if changed:
        text = f"{', '.join(changed)} changed since; run 'archmodel sweep' again into another folder"
        raise InputError(SUBJECT, [Fault(where, text)])
    rungs = list(there["fidelity"])
    model, _, mode = rungs[-1].partition(":") if rungs else (sweep.file.model, "", sweep.file.mode)
    return sweep.with_model(model, mode or None)
