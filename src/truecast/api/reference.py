"""`/docs`: the OpenAPI document as one page for people. No script and no CDN, so it works offline."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
article { border: 1px solid var(--line); border-radius: 8px; margin: 1rem 0; padding: .25rem 1rem 1rem; }
code, pre { font: 14px/1.5 ui-monospace, monospace; }
pre { background: var(--soft); border-radius: 6px; overflow-x: auto; padding: .75rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-top: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top; }
.verb { display: inline-block; min-width: 3.5rem; font-weight: 600; }
"""
STYLE_SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"  # in a policy


def reference_page(document: Mapping[str, Any]) -> str:
    """The whole page."""
    info = document["info"]
    by_tag: dict[str, list[str]] = {}
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            tag = (operation.get("tags") or ["other"])[0]
            by_tag.setdefault(tag, []).append("".join(_operation(path, verb, operation)))
    sections = "".join(f"<h2 id={tag!r}>{escape(tag)}</h2>{''.join(parts)}" for tag, parts in by_tag.items())
    shapes = "".join(_shape(name, schema) for name, schema in sorted(document["components"]["schemas"].items()))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1><p>{_prose(info.get('description', ''))}</p>"
        f'<p>For programs: <a href="/openapi.json">openapi.json</a></p>{sections}<h2>shapes</h2>{shapes}</body></html>'
    )


def _operation(path: str, verb: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f'<article id="{escape(operation["operationId"])}"><h3><code><span class="verb">{verb.upper()}</span> '
    yield f"{escape(path)}</code></h3><p>{_prose(operation.get('description', ''))}</p>"
    if parameters := operation.get("parameters"):
        yield (
            "<table>" + "".join(_row(p["name"], p["schema"], p.get("description", "")) for p in parameters) + "</table>"
        )
    if body := operation.get("requestBody"):
        yield f"<p>Body: {_type(body['content']['application/json']['schema'])}</p>"
    yield "<table>"
    for status, answer in operation["responses"].items():
        content: Mapping[str, Any] = next(iter(answer.get("content", {}).values()), {})
        shape = _type(content.get("schema", {}))
        yield f"<tr><th>{escape(str(status))}</th><td>{_prose(answer['description'])}</td><td>{shape}</td></tr>"
    yield "</table></article>"


def _shape(name: str, schema: Mapping[str, Any]) -> str:
    rows = "".join(
        _row(key, value, value.get("description", "")) for key, value in schema.get("properties", {}).items()
    )
    choices = ", ".join(f"<code>{escape(str(choice))}</code>" for choice in schema.get("enum", ()))
    table = f"<table>{rows}</table>" if rows else f"<p>{choices}</p>"
    said = _prose(schema.get("description", ""))
    return f'<article id="shape-{escape(name)}"><h3>{escape(name)}</h3><p>{said}</p>{table}</article>'


def _row(name: str, schema: Mapping[str, Any], description: str) -> str:
    return f"<tr><th><code>{escape(name)}</code></th><td>{_type(schema)}</td><td>{_prose(description)}</td></tr>"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#shape-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    limits = [f"{word} {schema[key]}" for key, word in _LIMITS.items() if key in schema]
    if "default" in schema:
        limits.append(f"default {schema['default']}")
    kind = schema.get("format") or schema.get("type") or ", ".join(map(str, schema.get("enum", ())))
    return escape(" ".join([str(kind), f"({', '.join(limits)})" if limits else ""]).strip())


def _prose(text: str) -> str:
    """Paragraphs and `code`, of the Markdown that our descriptions use."""
    parts = escape(text).split("`")
    spans = [f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts)]
    return "".join(spans).replace("\n\n", "</p><p>")


_LIMITS = {"minimum": "from", "maximum": "to", "maxLength": "at most, in characters:"}
