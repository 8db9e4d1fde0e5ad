"""
Model against measurements
==========================

Above, what a model says over what was measured; below, by how much that is off. The grey bands reach to 10 and 20 %.
The points are those of a BF16 addition on MTIA 300 (ISCA 2026, figure 13, digitised), by two models.

``archmodel plot errors points.csv -o errors.svg`` draws a table with these columns, and ``archmodel plot errors
results/verify -o errors.svg`` what ``archmodel verify`` found against RTL. All points with a time are in
:doc:`/methods/validation`.
"""

import archmodel as am
from archmodel.report import plot_errors
from archmodel.results import ResultTable

MEASURED_US = {2**20: 17.27, 2**22: 22.47, 2**24: 42.12, 2**26: 96.79, 2**28: 310.32, 2**30: 1156.58}
machine = am.machine("mtia_300")
rows = []
for model in ("roofline", "cycle"):
    for n, measured_us in MEASURED_US.items():
        row = am.evaluate_operator(machine, "elementwise", n=n, function="add", dtype="bf16", model=model)
        rows.append({"series": model, "measured_s": measured_us * 1e-6, "modelled_s": row["latency_s"]})
figure, axes = plot_errors(ResultTable.from_rows(rows))
