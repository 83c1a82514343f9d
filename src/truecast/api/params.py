"""Parameters that several routes take in the same words."""

from typing import Annotated

from fastapi import Header, Path, Query

from truecast.kit.errors import MalformedRequest
from truecast.kit.limits import PAGE_ITEMS_MAX

PAGE_ITEMS_DEFAULT = 50
SYMBOLS_MAX = 100  # in one request

SymbolPath = Annotated[str, Path(description="A symbol in any accepted spelling.", examples=["EUR-USD"], max_length=64)]
SymbolQuery = Annotated[str | None, Query(description="A symbol in any accepted spelling.", max_length=64)]
_SYMBOLS = Query(
    description="Symbols separated by commas.",
    examples=["EUR-USD,SPY"],
    max_length=4096,
    json_schema_extra={"pattern": f"^[^,\\s]+(,[^,\\s]+){{0,{SYMBOLS_MAX - 1}}}$"},
)
SymbolsQuery = Annotated[str | None, _SYMBOLS]
SymbolsRequired = Annotated[str, _SYMBOLS]
IfNoneMatch = Annotated[
    str | None, Header(max_length=1024, description="The `ETag` of the answer one has: 304 where it is still that.")
]
CursorQuery = Annotated[str | None, Query(description="`next` of the page before.", max_length=512)]
LimitQuery = Annotated[int, Query(ge=1, le=PAGE_ITEMS_MAX, description="Most items in the answer.")]
ModelQuery = Annotated[str | None, Query(description="Name of a model.", max_length=64)]


def split_symbols(text: str) -> list[str]:
    """The symbols of a comma-separated list, in order, each once. Raises MalformedRequest for none or too many."""
    listed = list(dict.fromkeys(filter(None, map(str.strip, text.split(",")))))
    if not 1 <= len(listed) <= SYMBOLS_MAX:
        raise MalformedRequest(reason=f"name 1 to {SYMBOLS_MAX} symbols, got {len(listed)}")
    return listed
