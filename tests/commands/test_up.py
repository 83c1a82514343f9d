"""`truecast up` as a process: one URL, one process per database and port, a clean end, a replay of its own."""

import json
import signal
import socket
import sqlite3
import time
import urllib.request

import pytest


def url_of(process) -> str:
    """The one line on stdout."""
    line = process.stdout.readline()
    assert line.startswith("Truecast: http://127.0.0.1:"), line + process.stderr.read()
    return line.split()[1]


def get(url: str, path: str) -> dict:
    with urllib.request.urlopen(url + path, timeout=30) as answer:
        return json.load(answer)


def wait_until_ready(url: str) -> dict:
    for _ in range(600):
        info = get(url, "/api/v1/info")
        if info["ready"]:
            return info
        time.sleep(0.1)
    pytest.fail(f"not ready after a minute: {info}")


@pytest.fixture
def running(truecast_process, installed):
    """A process over the installation, and its URL."""
    process = truecast_process("up", "--port", "0")
    url = url_of(process)
    wait_until_ready(url)
    return process, url


def test_serves_runs_the_jobs_and_ends_cleanly(running):
    process, url = running
    for _ in range(150):  # nobody reads the log meanwhile, and its pipe has room for some two hundred lines
        jobs = get(url, "/api/v1/jobs")["items"]
        ran = {job["id"]: job["last_run"] for job in jobs if job["last_run"]}  # training waits for its day
        if "issue" in ran and all(run["due_at"] > "2022" and run["outcome"] for run in ran.values()):
            break
        time.sleep(0.5)
    assert {run["outcome"] for run in ran.values()} <= {"ok", "skipped"}
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 10
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err


def test_refuses_a_second_process_on_the_database(running, truecast):
    process, _ = running
    for command in (("up", "--port", "0"), ("work",)):
        ran = truecast(*command)
        assert ran.code == 69
        assert f"Process {process.pid} already runs" in ran.err
        assert ran.err.endswith("[database_in_use]\n")


def test_the_command_line_works_beside_it(running, truecast):
    assert truecast("forecast", "SPY", "--horizon", "1").code == 0
    assert truecast("ledger", "verify").code == 0


def test_refuses_a_port_in_use(truecast, data_dir):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = truecast("up", "--port", str(taken.getsockname()[1]))
    assert ran.code == 69
    assert ran.err.endswith("[port_in_use]\n")
    assert not (data_dir / "truecast.db").exists()


def test_refuses_an_address_that_is_not_ours(truecast):
    ran = truecast("up", "--host", "203.0.113.7", "--port", "0")
    assert ran.code == 78


def test_demands_a_secret_where_others_can_reach_it(truecast):
    ran = truecast("up", "--host", "0.0.0.0", "--port", "0")
    assert ran.code == 78
    assert "SECRET_KEY" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--replay", "2999-01-01"), 64), (("--replay", "soon"), 64), (("--speed", "fast", "--replay", "2021-01-04"), 64)]
    + [(("--replay", "2021-01-04", "--speed", speed), 64) for speed in ("0", "-1", "nan", "2e9")],
)
def test_refuses_a_replay_that_cannot_be(truecast, arguments, code):
    assert truecast("up", "--port", "0", *arguments).code == code


def test_replays_on_a_database_of_its_own(truecast_process, installed):
    before = (installed / "truecast.db").read_bytes()
    process = truecast_process("up", "--port", "0", "--replay", "2021-01-04", "--speed", "max")
    url = url_of(process)
    clock = wait_until_ready(url)["clock"]
    assert clock["kind"] == "replay"
    for _ in range(600):
        resolved = [i for i in history(url) if i["outcome"] is not None]
        if resolved:
            break
        time.sleep(0.1)
    assert resolved[-1]["mode"] == "replay"
    assert resolved[-1]["sealed"]
    assert get(url, "/api/v1/info")["clock"]["now"] > clock["now"]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert (installed / "truecast.db").read_bytes() == before
    with sqlite3.connect(installed / "replay" / "truecast.db") as conn:
        assert conn.execute("SELECT count(*) FROM ledger").fetchone()[0] > 0
    conn.close()


def history(url: str) -> list[dict]:
    return get(url, "/api/v1/forecasts/SOL-USDT/history?interval=1h")["items"]


def test_without_the_sample_the_store_stays_empty(truecast_process, data_dir, monkeypatch):
    monkeypatch.setenv("TRUECAST_SOURCES", "sample,ecb")
    monkeypatch.setenv("TRUECAST_ECB_BASE_URL", "http://127.0.0.1:9")  # nobody answers there
    process = truecast_process("up", "--port", "0", "--no-sample")
    url = url_of(process)
    wait_until_ready(url)
    assert [job["id"] for job in get(url, "/api/v1/jobs")["items"]] == [
        "ingest:ecb",
        "resolve",
        "evidence",
        "issue",
        "gaps",
        "retrain",
        "forget",
    ]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_serve_and_work_share_a_database(truecast_process, installed):
    work = truecast_process("work")
    assert '"working"' in work.stderr.readline()
    api = truecast_process("serve", "--port", "0")
    url = url_of(api)
    wait_until_ready(url)
    assert get(url, "/health/ready")["ready"]
    for process in (api, work):
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert "Traceback" not in err


def test_serve_does_not_touch_an_old_schema(truecast_process, data_dir):
    api = truecast_process("serve", "--port", "0")
    url = url_of(api)
    for _ in range(100):
        try:
            get(url, "/api/v1/models")
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            error.close()
            if problem["code"] == "start_failed":
                break
        time.sleep(0.05)
    assert "truecast db upgrade" in problem["detail"]
