"""The API keeps what its OpenAPI document promises: schemathesis over all of it, briefly. See docs/development.md."""

from pathlib import Path

import pytest

from tests import installation
from tests.api import fuzzing
from truecast.api.app import describe

DOCUMENT = describe()
OPERATIONS = {f"{verb.upper()} {path}" for path, verbs in DOCUMENT["paths"].items() for verb in verbs}
CHECKS = {
    "allow_header_conformance",
    "content_type_conformance",
    "ensure_resource_availability",
    "ignored_auth",
    "missing_required_header",
    "negative_data_rejection",
    "not_a_server_error",
    "object_level_authorization",
    "positive_data_acceptance",
    "problem_code_documented",
    "response_headers_conformance",
    "response_schema_conformance",
    "status_code_conformance",
    "unsupported_method",
    "use_after_free",
}


# Threads of schemathesis outlive its loop by a moment; what they leave is not ours to close.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_the_api_does_what_its_document_says(made_installation: Path, tmp_path: Path) -> None:
    folder = installation.copy(made_installation, tmp_path / "data")
    with fuzzing.sandbox(folder) as (app, key):
        found = fuzzing.run(app, key, examples=2, steps=4)
    assert not found.failures, "\n\n".join(f"{title}\n{shown}" for title, shown in found.failures.items())
    assert found.operations == OPERATIONS
    assert set(found.checks) == CHECKS
    assert found.statuses[200] > 500, "an API that refuses everybody keeps every promise"
