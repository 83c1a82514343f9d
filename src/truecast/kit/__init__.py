"""Tools without an opinion about markets."""
