"""What may be lost, and how surely that can be said: value at risk, drawdowns, ratios, exposure, stress."""
