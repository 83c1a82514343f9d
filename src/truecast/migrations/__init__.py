"""The schema, one forward-only step after the other, run when the product starts."""
