"""Writes the tables of the user pages from the code they describe. `--check` only says which are out of date.

A table stands between `<!-- table: name -->` and `<!-- end -->`; everything around it is written by hand.
"""

import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

import truecast.kit.metrics
from truecast.api.access import PREFIX, class_of
from truecast.api.app import describe
from truecast.cli import COMMANDS, load
from truecast.features.build import FEATURE_SETS
from truecast.features.registry import FAMILIES
from truecast.kit.errors import TruecastError
from truecast.kit.settings import RATES_PER_MINUTE, Settings, variable_of
from truecast.models.catalog import MODELS
from truecast.providers.catalog import known_sources

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "ARCHITECTURE.md"])
BLOCK = re.compile(r"(<!-- table: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
DEFAULTS = {
    "data_dir": "the system's folder for user data, e.g. `~/.local/share/truecast`",
    "database_url": "`sqlite:///<data_dir>/truecast.db`",
    "secret_key": "generated",
}


def main() -> int:
    """Rewrite what is out of date; with --check, 1 if anything is."""
    stale = outdated()
    if "--check" not in sys.argv:
        for page in stale:
            page.write_text(rewritten(page.read_text()))
    for page in stale:
        print(f"{page.relative_to(ROOT)} {'is out of date: run `make docs`' if '--check' in sys.argv else 'rewritten'}")
    return bool(stale) and "--check" in sys.argv


def outdated() -> list[Path]:
    """The pages whose tables do not say what the code says."""
    return [page for page in PAGES if page.exists() and rewritten(text := page.read_text()) != text]


def rewritten(text: str) -> str:
    def table(found: re.Match[str]) -> str:
        kind, _, rest = found[2].partition(" ")
        return found[1] + "\n".join(TABLES[kind](*rest.split())) + "\n" + found[3]

    return BLOCK.sub(table, text)


def rows(header: str, lines: Iterator[tuple[object, ...]]) -> list[str]:
    titles = header.split("|")
    table = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return table + ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines]


def settings() -> list[str]:
    def lines() -> Iterator[tuple[object, ...]]:
        for name, field in Settings.model_fields.items():
            variable = variable_of(name)
            aliases = getattr(field.validation_alias, "choices", ())
            plain = [f"`{alias}`" for alias in aliases if alias != variable]
            yield (
                " ".join([f"`{variable}`", *(["or", *plain] if plain else [])]),
                default(name, field),
                field.description,
            )

    return rows("variable|default|meaning", lines())


def default(name: str, field: Any) -> str:
    if name in DEFAULTS:
        return DEFAULTS[name]
    value = field.get_default(call_default_factory=field.default_factory is dict)
    if value is None or value in ((), {}):
        return "none"
    return f"`{','.join(value) if isinstance(value, tuple) else str(value).lower() if value is False else value}`"


def errors() -> list[str]:
    def lines() -> Iterator[tuple[object, ...]]:
        for error in sorted(all_errors(), key=lambda e: e.code):
            meaning = (error.__doc__ or "").split("\n")[0].rstrip()
            yield f"`{error.code}`", error.status, error.exit_code, meaning, readable(error.template)

    return rows("code|HTTP|exit|when|what it says", lines())


def readable(template: str) -> str:
    return re.sub(r"\{(\w+)[^}]*\}", r"*\1*", template).replace("\n", " ")


def all_errors() -> set[type[TruecastError]]:
    for module in pkgutil.walk_packages(truecast.__path__, "truecast."):
        apart = ".versions." in module.name or module.name.startswith("truecast.client")  # knows no error of the server
        if not module.name.endswith(("__main__", ".asgi", ".worker", ".env")) and not apart:
            importlib.import_module(module.name)
    return set(descend(TruecastError)) - {TruecastError}


def descend(error: type[TruecastError]) -> Iterator[type[TruecastError]]:
    if error.__module__.startswith("truecast."):
        yield error
    for child in error.__subclasses__():
        yield from descend(child)


def metrics() -> list[str]:
    def lines() -> Iterator[tuple[object, ...]]:
        for metric in vars(truecast.kit.metrics).values():
            if isinstance(metric, Counter | Gauge | Histogram):
                family = next(iter(metric.describe()))
                total = "_total" if family.type == "counter" else ""
                yield f"`{family.name}{total}`", family.type, family.documentation

    return rows("metric|type|meaning", lines())


def routes() -> list[str]:
    def lines() -> Iterator[tuple[object, ...]]:
        for path, methods in describe()["paths"].items():
            for method, operation in methods.items():
                said = (operation.get("description") or operation.get("summary") or "").split("\n\n")[0]
                yield f"`{method.upper()} {path}`", " ".join(said.split())

    return rows("route|answer", lines())


def rate_classes() -> list[str]:
    routes = [
        (method.upper(), path.removeprefix(PREFIX))
        for path, methods in describe()["paths"].items()
        for method in methods
        if path.startswith(PREFIX)
    ]

    def lines() -> Iterator[tuple[object, ...]]:
        for kind, rate in RATES_PER_MINUTE.items():
            whose = [f"`{method} {path}`" for method, path in routes if class_of(method, path) == kind]
            yield f"`{kind}`", rate, RATE_CLASSES_SAID.get(kind) or ", ".join(whose)

    return rows("class|requests a minute|what belongs to it", lines())


RATE_CLASSES_SAID = {
    "other": "everything else under `/api/v1`",
    "failed": "keys that were refused, by address: guessing is slow",
}


def commands() -> list[str]:
    return rows("command|what it does", ((f"`truecast {name}`", line) for name, (_, line) in COMMANDS.items()))


def options(*path: str) -> list[str]:
    command = load(path[0])
    for name in path[1:]:
        command = command.commands[name]

    def lines() -> Iterator[tuple[object, ...]]:
        for option in command.params:
            if option.name == "help":
                continue
            names = ", ".join(f"`{name}`" for name in option.opts) if option.param_type_name == "option" else None
            yield names or f"`{(option.metavar or option.name).upper()}`", getattr(option, "help", "") or ""

    return rows("argument|meaning", lines())


def models() -> list[str]:
    return rows(
        "model|version|bars needed|what it is",
        ((f"`{m.name}`", m.version, m.min_bars, m.description) for m in MODELS.values()),
    )


def features(family: str) -> list[str]:
    return rows(
        "column|scale|bars|what it is",
        ((f"`{c.name}`", c.scale.value, c.memory, c.text) for c in FAMILIES[family]),
    )


def feature_sets() -> list[str]:
    def lines() -> Iterator[tuple[object, ...]]:
        said: dict[str, tuple[str, ...]] = {}
        for name, columns in FEATURE_SETS.items():
            before = next((old for old in reversed(said) if columns[: len(said[old])] == said[old]), None)
            new = columns[len(said[before]) :] if before else columns
            words = [f"those of `{before}`"] * bool(before) + [f"`{column}`" for column in new]
            said[name] = columns
            yield f"`{name}`", len(columns), ", ".join(words)

    return rows("set|columns|which", lines())


def sources() -> list[str]:
    return rows(
        "source|data of|delay|key needed|licence",
        (
            (f"`{key}`", info.name, info.delay, "yes" if info.needs_key else "no", info.licence)
            for key, info in sorted(known_sources().items())
        ),
    )


def source_reach() -> list[str]:
    def lines() -> Iterator[tuple[object, ...]]:
        for key, info in sorted(known_sources().items()):
            spans = {i: info.history.get(i) for i in info.intervals}
            intervals = ", ".join(f"{i} ({days:g} d)" if days is not None else f"{i}" for i, days in spans.items())
            classes = ", ".join(sorted(info.asset_classes)) or "any"
            key_needed = "yes" if info.needs_key else "no"
            since = info.first_date.year if info.first_date else ""
            yield f"`{key}`", classes, ", ".join(sorted(info.capabilities)), intervals, since, info.delay, key_needed

    return rows("source|classes|has|intervals|since|delay|key", lines())


def source_terms() -> list[str]:
    def lines() -> Iterator[tuple[object, ...]]:
        for key, info in sorted(known_sources().items()):
            unofficial = " **Unofficial: may change or vanish at any time.**" if info.unofficial else ""
            yield f"`{key}`", f"[{info.name}]({info.url})", info.terms + unofficial, info.licence, info.attribution

    return rows("source|name|terms|licence|attribution", lines())


def source_limits() -> list[str]:
    def lines() -> Iterator[tuple[object, ...]]:
        for key, info in sorted(known_sources().items()):
            limits = [f"{limit.weight:,} per {span(limit.window_s)} and {limit.scope}" for limit in info.limits]
            yield f"`{key}`", "; ".join(limits) or "none published", span(info.refresh_s)

    return rows("source|at most|news not more often than every", lines())


def span(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def sample() -> list[str]:
    manifest = json.loads((ROOT / "src/truecast/providers/sample/manifest.json").read_text())
    return rows(
        "series|interval|from|to|bars|origin",
        (
            (f"`{s['symbol']}`", s["interval"], s["first"][:10], s["last"][:10], f"{s['rows']:,}", s["origin"])
            for s in manifest["series"]
        ),
    )


TABLES: dict[str, Callable[..., list[str]]] = {
    table.__name__: table
    for table in (
        settings,
        errors,
        metrics,
        routes,
        rate_classes,
        commands,
        options,
        models,
        features,
        feature_sets,
        sources,
        source_reach,
        source_terms,
        source_limits,
        sample,
    )
}

if __name__ == "__main__":
    sys.exit(main())
