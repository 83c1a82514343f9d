"""`Idempotency-Key`: what is sent twice is done once, by whomever, however often, whatever dies in between."""

import asyncio

import httpx
import pytest
import sqlalchemy as sa

from truecast.accounts.principal import Scope
from truecast.accounts.tables import api_keys, replies
from truecast.services import Services

KEYS = "/api/v1/api-keys"
BODY = {"name": "notebook", "scopes": ["read"]}


def key(text: str) -> dict[str, str]:
    return {"Idempotency-Key": text}


async def count(services: Services, table: sa.Table) -> int:
    async with services.db.read() as conn:
        return int(await conn.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


async def test_fifty_clients_that_repeat_themselves_make_one(client: httpx.AsyncClient, services: Services):
    asked = {"items": [{"symbol": "SPY", "interval": "1d", "horizon": 1, "model": "naive"}]}

    async def one(i: int) -> list[httpx.Response]:
        answers = []
        while len(answers) < 1 + i % 5:
            answer = await client.post("/api/v1/jobs/resolve/run", headers=key("fifty"))
            if answer.status_code == 409:
                assert answer.json()["code"] == "request_under_way"
                assert answer.headers["Retry-After"] == "1"
                await asyncio.sleep(0.02)
                continue
            answers.append(answer)
        return answers

    before = len(await services.jobs.runs("resolve"))
    answers = [answer for listed in await asyncio.gather(*map(one, range(50))) for answer in listed]
    assert len(answers) == 150
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert len(await services.jobs.runs("resolve")) == before + 1
    batch = [await client.post("/api/v1/forecasts/batch", json=asked, headers=key("batch")) for _ in range(2)]
    assert batch[0].content == batch[1].content
    assert batch[1].headers["Idempotency-Replayed"] == "true"
    assert batch[0].headers["X-Request-Id"] != batch[1].headers["X-Request-Id"]


async def test_another_request_under_the_same_key_is_refused(client: httpx.AsyncClient):
    first = {"symbol": "SPY", "interval": "1d", "horizon": 1, "model": "naive"}
    assert (await client.post("/api/v1/forecasts", json=first, headers=key("a"))).status_code == 200
    for path, body in (("/api/v1/forecasts", {**first, "horizon": 2}), ("/api/v1/risk", first)):
        refused = await client.post(path, json=body, headers=key("a"))
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    quoted = await client.post("/api/v1/forecasts", json=first, headers=key('"a"'))
    assert quoted.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("text", ["", "two words", "x" * 256, "\tö".encode("latin-1")])
async def test_a_key_is_one_word(client: httpx.AsyncClient, text: str | bytes):
    refused = await client.post("/api/v1/jobs/resolve/run", headers=[("Idempotency-Key", text)])
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_invalid")


async def test_what_was_refused_can_be_sent_again(client: httpx.AsyncClient, services: Services):
    for _ in range(2):
        refused = await client.post("/api/v1/jobs/nope/run", headers=key("r"))
        assert (refused.status_code, "Idempotency-Replayed" in refused.headers) == (404, False)
    assert await count(services, replies) == 0


async def test_the_text_of_a_key_is_never_kept(client: httpx.AsyncClient, services: Services, settings):
    made = (await client.post(KEYS, json=BODY, headers=key("k"))).json()
    again = await client.post(KEYS, json=BODY, headers=key("k"))
    assert (again.status_code, again.json()["code"], again.json()["id"]) == (409, "answer_not_kept", made["id"])
    assert await count(services, api_keys) == 1
    await services.db.close()
    files = [path for path in settings.data_dir.rglob("*") if path.is_file()]
    secret = made["key"].split("_", 2)[2].encode()  # a secret may have underscores of its own
    assert not [path for path in files if secret in path.read_bytes()]


async def test_a_key_whose_maker_died_is_made_anew_and_stays_one(client: httpx.AsyncClient, services: Services):
    """The process that made it was killed before it could keep the answer: nobody has that key."""
    made = (await client.post(KEYS, json=BODY, headers=key("k"))).json()
    async with services.db.write() as conn:
        await conn.execute(sa.update(replies).values(status=None, headers=None, body=None, until=0))
    again = (await client.post(KEYS, json=BODY, headers=key("k"))).json()
    assert again["id"] == made["id"]
    assert again["key"] != made["key"]
    assert await count(services, api_keys) == 1
    await services.keys.principal(again["key"])


async def test_a_get_and_one_time_answers_do_not_look_at_it(client: httpx.AsyncClient, services: Services):
    assert (await client.get("/api/v1/symbols", headers=key("two words"))).status_code == 200
    tickets = [(await client.post("/api/v1/stream/ticket", headers=key("t"))).json()["ticket"] for _ in range(2)]
    assert len(set(tickets)) == 2
    assert await count(services, replies) == 0


async def test_a_body_that_is_too_large_or_no_json_is_refused_as_without_a_key(client: httpx.AsyncClient):
    async def endless():
        while True:
            yield b" " * 65_536

    headers = {"content-type": "application/json", **key("big")}
    answer = await client.post("/api/v1/forecasts", content=endless(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    answer = await client.post("/api/v1/forecasts", content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed_request")


def test_the_document_says_which_take_it() -> None:
    from truecast.api.app import describe

    for path, verbs in describe()["paths"].items():
        for verb, operation in verbs.items():
            named = {parameter["name"] for parameter in operation.get("parameters", ())}
            takes = verb == "post" and path not in ("/api/v1/api-keys/redeem", "/api/v1/stream/ticket")
            assert ("Idempotency-Key" in named) is takes, path


async def test_a_foreign_key_gets_nothing_of_another(guarded: Services, stranger: httpx.AsyncClient):
    async def reader() -> dict[str, str]:
        _, text = await guarded.keys.create("one", [Scope.FORECAST], None)
        return {"X-API-Key": text}

    body = {"symbol": "SPY", "interval": "1d", "horizon": 1, "model": "naive"}
    one, other = await reader(), await reader()
    answers = [await stranger.post("/api/v1/forecasts", json=body, headers=who | key("x")) for who in (one, other, one)]
    assert ["Idempotency-Replayed" in answer.headers for answer in answers] == [False, False, True]
