"""Problems with facts that programs decide by, and the class of each code."""

from collections.abc import Mapping, Sequence
from typing import Any

from truecast.client.errors import TooManyRequests, Unavailable


class RateLimited(TooManyRequests):
    """More requests of a kind than the limit allows. Facts: `amount`, `window_s`, `kind`, `retry_after_s`."""

    code = "rate_limited"

    @property
    def kind(self) -> str:
        """The class of requests that the limit is of, see docs/rate-limits.md."""
        return str(self.facts.get("kind", ""))


class NoLiveSource(Unavailable):
    """No source could answer. Facts: `symbol`, `summary`, `reasons`."""

    code = "no_live_source"

    @property
    def reasons(self) -> Sequence[Mapping[str, Any]]:
        """One for each source that was asked: `source`, `code`, `reason`."""
        said = self.facts.get("reasons", ())
        return said if isinstance(said, list) else ()
