"""A process that traces and reports: what it sends, and that a collector that is away does not keep it."""

import json
import signal
import socket
import time

import pytest

from tests.collectors import collecting
from tests.commands.test_up import get, url_of, wait_until_ready
from tests.servers import free_port


def test_a_process_sends_what_waits_before_it_ends(truecast_process, installed, monkeypatch: pytest.MonkeyPatch):
    with collecting() as collector:
        monkeypatch.setenv("TRUECAST_OTLP_ENDPOINT", collector.url)
        process = truecast_process("serve", "--port", "0")
        url = url_of(process)
        wait_until_ready(url)
        get(url, "/api/v1/symbols")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0
        assert "GET /api/v1/symbols" in {span.name for span in collector.spans()}


def test_away_collectors_and_an_open_stream_do_not_keep_it(
    truecast_process, installed, monkeypatch: pytest.MonkeyPatch
):
    """Nobody answers: the one refuses, the other takes the connection and is silent. A stream is open meanwhile."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("TRUECAST_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("TRUECAST_SENTRY_DSN", f"http://abc@127.0.0.1:{free_port()}/1")
        monkeypatch.setenv("TRUECAST_LOG_FORMAT", "json")
        process = truecast_process("up", "--port", "0")
        url = url_of(process)
        wait_until_ready(url)
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as stream:
            request = f"GET /api/v1/stream/sse?topics=health HTTP/1.1\r\nhost: {host}\r\n\r\n"
            stream.sendall(request.encode())
            assert stream.recv(65_536).startswith(b"HTTP/1.1 200")
            for _ in range(20):
                get(url, "/api/v1/info")
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=60)
        assert time.monotonic() - began < 10
        assert process.returncode == 0
        assert "Traceback" not in err
        assert all(json.loads(line) for line in err.splitlines())
