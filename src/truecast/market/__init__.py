"""Market data kept honestly: appended, never changed, and readable as it was known at any time."""
