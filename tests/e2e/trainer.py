"""A replay whose trainings are small and wait for a word, for tests that click through what becomes of a model.

    python -m tests.e2e.trainer PORT FOLDER

The real registry, judge and jobs; a training learns from EUR-USD alone, once FOLDER/go is there. Of the random forest's
bars so few are left that no promotion can stand on them.
"""

import asyncio
import functools
import sys
from pathlib import Path

from tests.models.registry.house import SMALL
from truecast.api.app import create_app
from truecast.api.shapes import as_time
from truecast.commands.listen import bind, serve
from truecast.kit.clock import ReplayClock
from truecast.kit.settings import Settings
from truecast.models.registry.training import TrainingOutcome, TrainingRequest, learn
from truecast.wiring import build_replay

BARS = {"lightgbm": 1500, "random_forest": 470}
SPEED = 60.0  # a minute a second: no bar of a day closes meanwhile


def main() -> None:
    """Until told to stop."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])

    async def small(request: TrainingRequest) -> TrainingOutcome:
        while not (folder / "go").exists():
            await asyncio.sleep(0.05)
        frames = [frame[-BARS[request.model] :] for frame in request.frames if frame.symbol == "EUR-USD"]
        asked = TrainingRequest(
            model=request.model,
            asset_class=request.asset_class,
            interval=request.interval,
            frames=frames,
            champion=request.champion,
            anchors=(1, 5),
        )
        return await asyncio.to_thread(functools.partial(learn, asked, SMALL))

    services = build_replay(Settings(_env_file=None, data_dir=folder), ReplayClock(as_time("2021-01-04"), SPEED))
    services.models._trainer = small
    with bind("127.0.0.1", port) as listener:
        serve(create_app(services), listener, started=lambda: None)


if __name__ == "__main__":
    main()
