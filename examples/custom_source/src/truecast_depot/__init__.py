"""A source of your own for Truecast."""
