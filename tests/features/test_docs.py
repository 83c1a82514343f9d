"""The page of features says what there is. Its tables are written by scripts/reference.py, tested in tests/test_docs.py."""

from pathlib import Path

from truecast.features.build import FEATURE_SETS
from truecast.features.registry import FAMILIES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "features.md").read_text()


def test_every_family_has_its_table():
    for family, columns in FAMILIES.items():
        table = PAGE.partition(f"<!-- table: features {family} -->")[2].partition("<!-- end -->")[0]
        assert [f"| `{c.name}` | {c.scale} | {c.memory} | {c.text} |" for c in columns] == table.strip().splitlines()[
            2:
        ]


def test_every_set_is_listed():
    assert all(f"| `{name}` | {len(columns)} |" in PAGE for name, columns in FEATURE_SETS.items())
