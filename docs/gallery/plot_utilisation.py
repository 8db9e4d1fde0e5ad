"""
Utilisation over time
=====================

For which share of the time each unit of a PE is at work, and what memories move meanwhile; operators are on top, in the
colours of their groups. The means are at the right. Where commands are not followed the ground is grey.

``archmodel plot utilisation mtia_2i recommendation/dlrm_dcnv2 -o utilisation.svg`` draws this figure.
"""

import archmodel as am
from archmodel.api import timeline
from archmodel.report import plot_utilisation

followed = timeline(am.machine("mtia_2i"), am.workload("recommendation/dlrm_dcnv2"))
figure, axes = plot_utilisation(followed)
