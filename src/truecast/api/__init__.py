"""The HTTP face: REST under `/api/v1`, problem+json errors, health, metrics and the page."""
