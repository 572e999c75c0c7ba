"""Files that a newcomer meets first: the licence, the citation, the hooks and the versions that they name."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parent.parent
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


def pinned() -> dict[str, str]:
    """The tools that the extra `dev` names with one version."""
    extra = METADATA["project"]["optional-dependencies"]["dev"]
    return dict(entry.split("==") for entry in extra if "==" in entry)


def test_the_hooks_use_the_versions_of_the_extra_dev() -> None:
    hooks = (PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    revisions = dict(re.findall(r"repo: \S+/(\S+)\n    rev: v(\S+)", hooks))
    named = {
        "ruff": revisions["ruff-pre-commit"],
        "mypy": revisions["mirrors-mypy"],
        "codespell": revisions["codespell"],
        "rumdl": revisions["rumdl-pre-commit"],
    }
    assert named == {tool: version for tool, version in pinned().items() if tool in named}


def test_the_ci_installs_the_extra_dev_and_names_no_version_itself() -> None:
    script = (PROJECT / ".ci" / "run").read_text(encoding="utf-8")
    assert '.[dev]"' in script
    assert not re.search(r"[a-z]==\d", script)


def test_licence_version_and_authors_are_the_same_everywhere() -> None:
    project = METADATA["project"]
    citation = (PROJECT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert project["license"] == "BSD-3-Clause"
    assert f"license: {project['license']}" in citation
    assert f"version: {project['version']}" in citation
    assert f"  - name: {project['authors'][0]['name']}" in citation
    licence = (PROJECT / "LICENSE").read_text(encoding="utf-8")
    assert licence.startswith("BSD 3-Clause License\n\nCopyright (c) ")
    assert project["authors"][0]["name"] in licence
