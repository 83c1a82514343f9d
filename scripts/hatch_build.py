"""Refuses to pack a wheel without the dashboard: it would install, start, and show nothing."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class DashboardIsBuilt(BuildHookInterface[Any]):
    """Looks before a wheel is packed. An editable install may come first and have the dashboard built later."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 hatchling's signature
        """Called by hatchling with `version` "standard" or "editable"."""
        page = Path(self.root, "src", "truecast", "web", "index.html")
        if version == "standard" and not page.is_file():
            message = "the dashboard is not built: run `make web` first"
            raise FileNotFoundError(message)
