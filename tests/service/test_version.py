"""Which version said it: the log, the reports and the surfaces name one."""

import tomllib
from pathlib import Path

from governance.service.version import version

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_the_version_is_that_of_the_distribution():
    """Every start in the log would be of an unknown program, an auditor's first question."""
    assert version() == tomllib.loads(PROJECT.read_text())["project"]["version"]
