"""Joins benchmarks/results/*.md into benchmarks/RESULTS.md, the page that users read."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
HEAD = """\
# Results

Measured on two cores of a shared machine; each section says how. A ratio compares two things in the same run. Medians
where nothing else is said. `make bench` measures anew and writes this page from `results/`.
"""


def main() -> None:
    """Write the page."""
    parts = [path.read_text().strip() for path in sorted((FOLDER / "results").glob("*.md"))]
    (FOLDER / "RESULTS.md").write_text("\n\n".join([HEAD.strip(), *parts]) + "\n")


if __name__ == "__main__":
    main()
