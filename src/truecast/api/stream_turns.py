"""Deliveries in turns: what comes while others are still being written goes out together, in one write a client.

Nine tenths of what a delivery costs is the system call that writes it (benchmarks/stream.py), and a call with ten
messages costs hardly more than a call with one. So after a turn of writing, the next begins no sooner than the turn
took, or STREAM_TURN_S_MAX: a quiet stream waits for nothing, a busy one uses half of a core and writes more at a time.

The messages of all topics keep their order: over SSE the last id that a client has seen says what it has of each.
"""

import asyncio

from truecast.api.stream_frame import Frame
from truecast.api.stream_topic import Topic
from truecast.kit.limits import STREAM_TURN_BYTES_MAX, STREAM_TURN_S_MAX


class Turns:
    """What is kept in the topics, and not written yet. `flush` before anybody is told a place in a topic."""

    def __init__(self, longest_s: float = STREAM_TURN_S_MAX) -> None:
        self._longest_s = longest_s
        self._runs: list[tuple[Topic, list[Frame]]] = []  # of messages of one topic that follow each other
        self._bytes = 0
        self._resting = False  # the last turn is not over yet
        self._timer: asyncio.TimerHandle | None = None

    def add(self, topic: Topic, frame: Frame) -> None:
        """Deliver it, now or with the next turn."""
        if self._runs and self._runs[-1][0] is topic:
            self._runs[-1][1].append(frame)
        else:
            self._runs.append((topic, [frame]))
        self._bytes += len(frame.json)
        if not self._resting or self._bytes > STREAM_TURN_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Deliver what waits."""
        runs, self._runs, self._bytes = self._runs, [], 0
        if not runs:
            return
        for topic, frames in runs:
            topic.deliver(frames)
        if not self._resting and self._longest_s:
            self._resting = True
            loop = asyncio.get_running_loop()
            # The loop writes at the end of its turn, so only the next turn knows how long that took.
            loop.call_soon(self._written, loop.time())

    def stop(self) -> None:
        """Deliver what waits; nothing comes any more."""
        self.flush()
        if self._timer is not None:
            self._timer.cancel()

    def _written(self, began_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(min(loop.time() - began_s, self._longest_s), self._rested)

    def _rested(self) -> None:
        self._resting = False
        self.flush()
