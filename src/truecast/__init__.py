"""Truecast: a self-hosted market forecasting server that keeps score."""

__version__ = "0.1.0"
