"""Connections that have no room: what they wait for, how they catch up, and when they are given up."""

import asyncio
import heapq
import itertools
from collections.abc import Collection
from typing import Any

from truecast.api.stream_connection import Connection
from truecast.api.stream_frame import Frame
from truecast.api.stream_protocol import SlowConsumer
from truecast.api.stream_topic import Subscription, Topic
from truecast.kit.limits import STREAM_SLOW_S_MAX
from truecast.kit.metrics import STREAM_CONFLATED


def set_aside(connection: Connection, subscriptions: Collection[Subscription]) -> None:
    """Take it out of the loops of its groups; the clock of its patience starts."""
    connection.progress_s = asyncio.get_running_loop().time()
    connection.buffered_before = connection.outlet.buffered()
    for subscription in subscriptions:
        subscription.group.set_aside(connection, subscription)


def pump(connection: Connection, subscriptions: Collection[Subscription]) -> bool:
    """Give it what it missed, in the order of all topics, while it has room; whether it has caught up.

    Raises SlowConsumer where what it missed is no longer there.
    """
    tie = itertools.count()
    due: list[tuple[int, int, Subscription, Frame]] = []
    for subscription in subscriptions:
        if connection not in subscription.group.waiting:
            continue
        topic = subscription.topic
        if subscription.reset:
            connection.send(reset(topic))
            subscription.reset, subscription.next = False, topic.offset + 1 - len(topic.ring)
        if not topic.conflates and not topic.holds(subscription.next):
            raise SlowConsumer
        if (frame := _next(connection, subscription)) is not None:
            due.append((frame.seq, next(tie), subscription, frame))
    heapq.heapify(due)
    while due and connection.has_room and not connection.closed:
        _, _, subscription, frame = heapq.heappop(due)
        encoding = connection.encoding
        connection.write(frame.encoded(encoding.loose if subscription.topic.conflates else encoding.message))
        subscription.next = frame.offset + 1
        if (following := _next(connection, subscription)) is not None:
            heapq.heappush(due, (following.seq, next(tie), subscription, following))
    if not connection.has_room or connection.closed:
        return False
    for subscription in subscriptions:
        subscription.group.admit(connection)
    return True


def is_stuck(connection: Connection, subscriptions: Collection[Subscription], now_s: float) -> bool:
    """Whether its network has taken nothing for too long, or something that must not be dropped has waited too long."""
    buffered = connection.outlet.buffered()
    if buffered < connection.buffered_before:
        connection.progress_s = now_s
    connection.buffered_before = buffered
    if now_s - connection.progress_s > STREAM_SLOW_S_MAX:
        return True
    return any(_is_late(connection, subscription, now_s) for subscription in subscriptions)


def reset(topic: Topic) -> dict[str, Any]:
    """What a client is told when messages of the topic are missing, or its numbers begin anew."""
    return {"event": "reset", "topic": topic.name, "epoch": topic.epoch, "offset": topic.offset, "recovered": False}


def _is_late(connection: Connection, subscription: Subscription, now_s: float) -> bool:
    topic = subscription.topic
    if connection not in subscription.group.waiting or topic.conflates or subscription.reset:
        return False
    if not topic.holds(subscription.next):
        return True
    frame = topic.frame(subscription.next)
    return frame is not None and now_s - frame.heard_s > STREAM_SLOW_S_MAX


def _next(connection: Connection, subscription: Subscription) -> Frame | None:
    """What it needs next: every message that it wants, but of prices the latest alone."""
    topic = subscription.topic
    if topic.conflates:
        skipped = topic.offset - subscription.next
        if skipped < 0 or not topic.ring:
            return None
        if skipped:
            STREAM_CONFLATED.inc(skipped)
            connection.send({"event": "conflated", "topic": topic.name, "skipped": skipped})
        subscription.next = topic.offset
        return topic.ring[-1]
    while (frame := topic.frame(subscription.next)) is not None and not subscription.group.accepts(frame):
        subscription.next += 1
    return frame
