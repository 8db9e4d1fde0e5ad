"""
Gantt chart
===========

What every unit does and when: each command where they can be told apart, else the share of time as a height. The thin
line below is the time for which requests to memory are under way, and light grey what lies between the first and the
last command of a phase.

``archmodel plot gantt mtia_2i recommendation/dlrm_dcnv2 --window 20us..30us -o gantt.svg`` draws this figure;
``archmodel timeline`` writes the same for a viewer, with all that is known of a command.
"""

import archmodel as am
from archmodel.api import timeline
from archmodel.report import plot_gantt

window_s = (20e-6, 30e-6)
figure, axes = plot_gantt(timeline(am.machine("mtia_2i"), am.workload("recommendation/dlrm_dcnv2"), window_s=window_s))
