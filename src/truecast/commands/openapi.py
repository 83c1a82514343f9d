"""`truecast openapi`: the API's description, for the generation of types and clients."""

import orjson
import typer

from truecast.api.app import describe

app = typer.Typer(add_completion=False)


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of the API."""
    typer.echo(orjson.dumps(describe(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
