"""Rolling-origin evaluation: every model on the same origins, one long table, and a report with standard errors."""
