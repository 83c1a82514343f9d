"""Where a price is expected to go: one file per model, all with the same contract (base.py)."""
