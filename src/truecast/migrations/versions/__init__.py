"""One module for each revision, run in the order of their numbers."""
