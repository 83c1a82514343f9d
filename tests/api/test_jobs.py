"""Jobs over HTTP: listed, run, switched; a GET changes nothing."""

import httpx

from tests.api.test_errors import problem_of

SYMBOLS_ASKED = ("/prices", "/prices/volatility", "/prices/correlation")


async def test_lists_the_jobs_in_the_order_in_which_they_run(client: httpx.AsyncClient):
    items = (await client.get("/api/v1/jobs")).json()["items"]
    names = ["ingest:sample", "resolve", "evidence", "issue", "gaps", "retrain", "forget"]
    assert [item["id"] for item in items] == names
    *others, gaps, retrain, forget = items
    assert forget["enabled"] and forget["next_due_at"] and forget["schedule"]
    assert all(item["last_run"]["outcome"] in ("ok", "skipped") for item in others)
    assert all(item["enabled"] and item["next_due_at"] and item["schedule"] for item in others)
    for one in (gaps, retrain):  # no real clock
        assert (one["enabled"], one["next_due_at"], one["last_run"]) == (False, None, None)


async def test_a_job_runs_when_asked(client: httpx.AsyncClient):
    before = (await client.get("/api/v1/jobs/ingest:sample")).json()["last_run"]["id"]
    run = (await client.post("/api/v1/jobs/ingest:sample/run")).json()
    assert run["job"] == "ingest:sample"
    assert run["id"] > before
    assert run["outcome"] in ("ok", "skipped")
    assert run["ended_at"]


async def test_a_job_can_be_switched_off_and_on(client: httpx.AsyncClient):
    off = (await client.post("/api/v1/jobs/issue/disable")).json()
    assert (off["enabled"], off["next_due_at"]) == (False, None)
    on = (await client.post("/api/v1/jobs/issue/enable")).json()
    assert on["enabled"]


async def test_runs_come_newest_first_in_pages(client: httpx.AsyncClient):
    url = "/api/v1/jobs/resolve/runs"
    first = (await client.get(url, params={"limit": 3})).json()
    second = (await client.get(url, params={"limit": 3, "cursor": first["next"]})).json()
    ids = [run["id"] for run in (*first["items"], *second["items"])]
    assert len(ids) == 6
    assert ids == sorted(ids, reverse=True)


async def test_an_unknown_job_is_not_found(client: httpx.AsyncClient):
    for method, path in (("GET", ""), ("GET", "/runs"), ("POST", "/run"), ("POST", "/enable"), ("POST", "/disable")):
        problem_of(await client.request(method, f"/api/v1/jobs/nope{path}"), 404, "unknown_job")


async def test_looking_changes_nothing(client: httpx.AsyncClient, services):
    async def rows() -> list[int]:
        async with services.db.read() as conn:
            tables = ("ledger", "forecasts", "scores", "bars", "job_runs", "appends")
            return [(await conn.exec_driver_sql(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables]

    from tests.api.test_deps import GETS, filled

    before = await rows()
    for path in GETS:
        if path.endswith("/stream/sse"):
            continue  # answers for ever; a stream only listens
        params = {"symbols": "SPY,AAPL"} if path.endswith(SYMBOLS_ASKED) else {}
        params |= {"topics": "quotes:SPY"} if "/stream/" in path else {}
        answered = (await client.get(filled(path), params=params)).status_code
        assert answered in ((503,) if path.endswith("/consensus") else (200, 404)), path  # nothing live to agree here
    assert await rows() == before


async def test_a_get_does_not_run_a_job(client: httpx.AsyncClient):
    problem_of(await client.get("/api/v1/jobs/resolve/run"), 405, "method_not_allowed")
