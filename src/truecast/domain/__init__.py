"""Frozen values of the market world: pure, no I/O."""
