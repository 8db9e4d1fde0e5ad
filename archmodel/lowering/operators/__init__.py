"""How operators become programs: one file per family, each function registered for its kinds."""
