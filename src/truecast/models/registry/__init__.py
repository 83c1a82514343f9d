"""The versions of trained models: kept, verified, judged, promoted, rolled back, and loaded while forecasts run."""
