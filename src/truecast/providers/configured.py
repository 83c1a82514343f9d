"""The sources that the settings name, each behind its guard."""

from collections.abc import Callable, Iterator, Mapping

from numpy.random import Generator

from truecast.kit.budget_redis import SharedBudgets
from truecast.kit.clock import Clock
from truecast.kit.guard import Guard
from truecast.kit.settings import Settings
from truecast.providers.base import Provider, Reach
from truecast.providers.catalog import build_provider, source_info
from truecast.providers.guarded import Guarded, guard_of


class Sources(Mapping[str, Provider]):
    """The configured sources. Each adapter is built when it is first asked for; one that is fetched has its guard."""

    def __init__(self, settings: Settings, clock: Clock, generators: Callable[[], Generator]) -> None:
        self._settings = settings
        self._generators = generators  # of the jitter between retries
        self._clock = clock
        self._built: dict[str, Provider] = {}
        self._shared = None if settings.redis_url is None else SharedBudgets(settings.redis_url, clock)

    def __getitem__(self, key: str) -> Provider:
        if key not in self._settings.sources:
            raise KeyError(key)
        if key not in self._built:
            self._built[key] = self._build(key)
        return self._built[key]

    def __contains__(self, key: object) -> bool:
        return key in self._settings.sources  # without building it

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings.sources)

    def __len__(self) -> int:
        return len(self._settings.sources)

    @property
    def guards(self) -> Mapping[str, Guard]:
        """What stands before those that were built and are fetched."""
        return {key: one.guard for key, one in self._built.items() if isinstance(one, Guarded)}

    async def close(self) -> None:
        """Let go of the connections of those that were built."""
        for provider in self._built.values():
            await provider.close()
        if self._shared is not None:
            await self._shared.close()

    def _build(self, key: str) -> Provider:
        settings = self._settings
        info = source_info(key)
        guard = None
        if info.base_url is not None:
            guard = guard_of(info, self._clock, timeout_s=settings.http_timeout_s, shared=self._shared)
            guard.key_missing = info.needs_key and key not in settings.source_keys
        reach = Reach(
            generator=self._generators(),
            base_url=settings.source_urls.get(key, settings.ecb_base_url if key == "ecb" else None),
            timeout_s=settings.http_timeout_s,
            key=settings.source_keys.get(key),
            guard=guard,
        )
        provider = build_provider(key, self._clock, reach)
        return provider if guard is None else Guarded(provider, guard)
