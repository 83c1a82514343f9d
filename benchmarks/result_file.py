"""Where a benchmark keeps what it found: benchmarks/results/<name>.md; scripts/join_results.py puts them together.

    from result_file import keep

    keep(__file__, "Speed of the models", __doc__, lines)

A benchmark is run as a file, so that this folder is on its path.
"""

import inspect
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parent / "results"


def keep(
    file: str, title: str, about: str, found: str | Sequence[str], *, options: str = "--write", name: str | None = None
) -> Path:
    """Write a page: the title, the command that made it, how it was measured, what was found. Gives the page's path.

    `file` is the benchmark's `__file__`, which names the command and, unless `name` does, the page; `options` go with
    the command. `about` is the benchmark's `__doc__`, of which the first line and the usage are left out, or a text of
    one paragraph. `found` is text or lines, in Markdown.
    """
    text = found if isinstance(found, str) else "\n".join(found)
    command = f"python benchmarks/{Path(file).name} {options}".strip()
    page = FOLDER / f"{name or Path(file).stem}.md"
    page.write_text(f"# {title}\n\nCommand: `{command}`\n\n{_method(about)}\n\n{text.strip()}\n")
    return page


def _method(about: str) -> str:
    first, *rest = inspect.cleandoc(about).split("\n\n")
    return "\n\n".join(part for part in rest if not part.startswith("    ")) if rest else first
