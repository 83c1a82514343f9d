"""Every request shown in the user pages is answered."""

import shlex

import httpx
import pytest

from tests.test_docs import blocks

REQUESTS = [
    line[2:]
    for _, body in blocks("console")
    for line in body.splitlines()
    if line.startswith("$ curl ") and "://" in line
]


@pytest.mark.parametrize("line", REQUESTS)
async def test_is_answered(client: httpx.AsyncClient, line: str) -> None:
    words = shlex.split(line)
    method, headers, body, url = "GET", {}, None, ""
    rest = iter(words[1:])
    for word in rest:
        match word:
            case "-X":
                method = next(rest)
            case "-H":
                name, _, value = next(rest).partition(": ")
                headers[name] = value
            case "-d":
                body = next(rest)
            case "-s":
                pass
            case _:
                url = word
    answer = await client.request(method, url, headers=headers, content=body)
    assert answer.status_code in {200, 201}, answer.text


def test_some_are_shown() -> None:
    assert len(REQUESTS) >= 3
