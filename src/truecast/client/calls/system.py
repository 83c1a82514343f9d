"""Calls about system.

Written by scripts/write_client.py from the OpenAPI document; run `make docs` after a change of the API.
"""

from truecast.client.ask import Ask, part
from truecast.client.asker import Asker
from truecast.client.shapes import Component, Health, HealthTrends, Info, Live


class SystemCalls(Asker):
    """Everything about system."""

    def get_live(self) -> Live:
        """The process answers. Says nothing about its parts: restarting would not mend them."""
        return self._ask(Ask("GET", "/health/live", Live))

    def get_ready(self) -> Health:
        """Whether requests can be served truthfully; 503 `not_ready` names the parts that prevent it.

        Raises: NotReady, DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(Ask("GET", "/health/ready", Health))

    def get_metrics(self) -> str:
        """Counters and gauges for Prometheus."""
        return self._ask(Ask("GET", "/metrics", str))

    def get_info(self) -> Info:
        """What this server is, whose clock it runs on, and how far its start is. Answers while starting, too."""
        return self._ask(Ask("GET", "/api/v1/info", Info))

    def get_health(self) -> Health:
        """Every part of the server: status, age of its data, last error. Always 200: `/health/ready` decides."""
        return self._ask(Ask("GET", "/api/v1/health", Health))

    def get_health_trends(self) -> HealthTrends:
        """How every part has been, seen by this process once a minute for at most a day."""
        return self._ask(Ask("GET", "/api/v1/health/trends", HealthTrends))

    def get_component(self, name: str) -> Component:
        """One part of the server.

        name: A part of the server.
        Raises: UnknownComponent, DatabaseBusy, DatabaseUnavailable.
        """
        return self._ask(Ask("GET", f"/api/v1/health/components/{part(name)}", Component))
