"""Scale: how far prices are expected to move. EWMA, GARCH, HAR, the week's rhythm, and their blend by QLIKE."""
