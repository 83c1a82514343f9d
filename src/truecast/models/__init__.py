"""Recipes that learn from a frame and predict quantiles."""
