"""Hold models against hardware blocks: contracts, simulations, tables."""
