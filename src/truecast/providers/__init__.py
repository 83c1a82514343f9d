"""Where data comes from: one adapter per source, each with a TOML that says what it is and under which terms."""
