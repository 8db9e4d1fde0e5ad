"""Many points: a space of machines and workloads, executed, resumed, searched."""
