"""The page at `/`, built from `web/` into the package, and the machine-readable description of the API."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from truecast.api.middleware import content_policy
from truecast.api.reference import STYLE_SOURCE, reference_page

WEB_DIR = Path(__file__).parent.parent / "web"
# The addresses of the page's rooms, see web/src/state/place.ts.
PAGES = ("/", "/record", "/compare", "/risk", "/models", "/data", "/developers", "/settings")
COMPRESSED_FROM_BYTES = 1_024
NOT_BUILT = """Truecast is running, but its page has not been built.

Build it with `make web` and reload. The API works without it: its description is at /openapi.json.
"""


def install(app: FastAPI, describe: Callable[[], dict[str, Any]], web_dir: Path = WEB_DIR) -> None:
    """Serve the page, its files, and `/openapi.json`."""
    document: list[bytes] = []  # made on the first request: it costs some 100 ms that a start need not pay

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        if not document:
            document.append(orjson.dumps(describe()))
        return Response(document[0], media_type="application/json")

    @app.get("/docs", include_in_schema=False)
    @app.get("/redoc", include_in_schema=False)
    async def reference() -> Response:
        headers = {"Content-Security-Policy": content_policy(STYLE_SOURCE)}
        return Response(reference_page(describe()), media_type="text/html", headers=headers)

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        """Browsers ask for it where a page names none: for the reference, or JSON that is looked at."""
        found = next((web_dir / "assets").glob("favicon-*.svg"), None)
        kept = {"Cache-Control": "public, max-age=86400"}
        if found is None:
            return Response(status_code=204, headers=kept)
        return Response(found.read_bytes(), media_type="image/svg+xml", headers=kept)

    async def page(_request: Request) -> Response:
        index = web_dir / "index.html"
        if not index.is_file():
            return Response(NOT_BUILT, media_type="text/plain")
        return Response(index.read_bytes(), media_type="text/html", headers={"Cache-Control": "no-cache"})

    for path in PAGES:
        app.add_api_route(path, page, include_in_schema=False)

    if (web_dir / "assets").is_dir():
        assets = _Immutable(directory=web_dir / "assets")
        app.mount("/assets", GZipMiddleware(assets, minimum_size=COMPRESSED_FROM_BYTES), name="assets")


class _Immutable(StaticFiles):
    """Files whose names change with their content."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
