"""Pages of the documentation site that are not files in docs: a hook that MkDocs runs (see mkdocs.yml).

A page for each function with its plot, the reference from the docstrings, the pictures of the gallery and the changelog
are made while the site is built; the code they come from is their only source.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).resolve().parent))

import code_blocks  # noqa: E402 - the folder of the scripts must be on the path first
import docstring_pages  # noqa: E402
import formulas  # noqa: E402
import function_pages  # noqa: E402
import make_gallery  # noqa: E402


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fills the navigation: FUNCTIONS stands for the pages of the functions, OTHERS for pages that it does not name."""
    groups: dict[str, list[dict[str, str]]] = {}
    for page in function_pages.pages():
        groups.setdefault(page.group, []).append({page.name: page.path})
    named = str(config.nav)
    docs = Path(config.docs_dir)
    pages = (path.relative_to(docs).as_posix() for path in sorted(docs.rglob("*.md")))
    others = [page for page in pages if f"'{page}'" not in named]
    lists: dict[str, list[Any]] = {
        "FUNCTIONS": [{title: entries} for title, entries in groups.items()],
        "OTHERS": others,
    }
    config.nav = _filled(config.nav, lists)
    return config


def _filled(nav: Any, lists: dict[str, list[Any]]) -> Any:
    if isinstance(nav, dict):
        return {title: _filled(entry, lists) for title, entry in nav.items()}
    if isinstance(nav, list):
        filled: list[Any] = []
        for entry in nav:
            filled += lists[entry] if isinstance(entry, str) and entry in lists else [_filled(entry, lists)]
        return filled
    return nav


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Formulas are typeset, and commands are followed by what they print.

    A bar in code within a table stands escaped for most readers of Markdown; this one shows the escape.
    """
    text = re.sub(r"^\|.*$", lambda line: re.sub(r"`([^`]*)`", _in_table, line[0]), markdown, flags=re.MULTILINE)
    shown = page.file.src_uri
    return text if shown.startswith("contributing/") else code_blocks.with_results(text)


def _in_table(code: re.Match[str]) -> str:
    text = code[1].replace("\\|", "|")
    return formulas.typeset(text) if text in function_pages.formulas() else f"`{text}`"


def on_page_content(html: str, **_: Any) -> str:
    """What the buttons beside sessions copy is code alone."""
    return code_blocks.with_copies(html)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what is made."""
    for page in function_pages.pages():
        files.append(File.generated(config, page.path, content=page.text))
        if page.picture is not None:
            files.append(File.generated(config, page.path.replace(".md", ".svg"), content=page.picture))
    for name, svg in make_gallery.pictures():
        files.append(File.generated(config, f"guide/{name}.svg", content=svg))
    files.append(File.generated(config, "pump-live.html", content=make_gallery.live()))
    files.append(File.generated(config, "reference.md", content=docstring_pages.reference()))
    for name in ("iframe-worker.js", "extra.css"):
        content = Path(__file__).with_name(name).read_text(encoding="utf-8")
        files.append(File.generated(config, f"assets/{name}", content=content))
    changelog = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "changelog.md", content=changelog))
    return files
