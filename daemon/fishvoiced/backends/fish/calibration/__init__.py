"""How fast a Fish model runs on this machine: measuring, keeping, choosing."""
