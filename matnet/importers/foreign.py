"""Files of other programs that users mistake for saved networks, recognized by their first bytes."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

_HOW_TO_SAVE = "in MATLAB, save the network with save('net.mat', 'net') and open that file"

_STARTS: Mapping[bytes, tuple[str, str]] = {
    b"version https://git-lfs.github.com/spec/": (
        "a Git LFS pointer, which stands for a file that was not downloaded",
        "run git lfs pull, or download the file itself",
    ),
    b"../.git/annex/objects/": (
        "a git-annex pointer, which stands for a file that was not downloaded",
        "run git annex get, or download the file itself",
    ),
    b"/annex/objects/": (
        "a git-annex pointer, which stands for a file that was not downloaded",
        "run git annex get, or download the file itself",
    ),
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file, but not one of MATLAB's", _HOW_TO_SAVE),
    b"\x1f\x8b": ("a file packed with gzip", "unpack it first"),
    b"BZh": ("a file packed with bzip2", "unpack it first"),
    b"\xfd7zXZ\0": ("a file packed with xz", "unpack it first"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it first and open the file in it"),
    b"Rar!\x1a\x07": ("a RAR archive", "unpack it first and open the file in it"),
    b"\x93NUMPY": ("an array saved by NumPy", _HOW_TO_SAVE),
    b"\x80\x02": ("a Python pickle, which is never opened", _HOW_TO_SAVE),
    b"\x80\x03": ("a Python pickle, which is never opened", _HOW_TO_SAVE),
    b"\x80\x04": ("a Python pickle, which is never opened", _HOW_TO_SAVE),
    b"\x80\x05": ("a Python pickle, which is never opened", _HOW_TO_SAVE),
    b"%PDF": ("a PDF document", _HOW_TO_SAVE),
    b"\x89PNG": ("a PNG picture", _HOW_TO_SAVE),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("a document of an older Microsoft Office", _HOW_TO_SAVE),
    b"v01.00": ("MATLAB P-code", "open the M-file that it was made from, or save the network as a MAT-file"),
}

_MEMBERS: tuple[tuple[str, str, str], ...] = (
    ("simulink/", "a Simulink model (.slx)", "save the network that it was made from: save('net.mat', 'net')"),
    ("appdesigner/", "an app of MATLAB's App Designer (.mlapp)", _HOW_TO_SAVE),
    ("matlab/document.xml", "a live script of MATLAB (.mlx)", _HOW_TO_SAVE),
    ("fsroot/", "a toolbox or an app package of MATLAB (.mltbx, .mlappinstall)", _HOW_TO_SAVE),
    ("xl/", "an Excel workbook (.xlsx)", _HOW_TO_SAVE),
    ("word/", "a Word document (.docx)", _HOW_TO_SAVE),
    ("ppt/", "a PowerPoint presentation (.pptx)", _HOW_TO_SAVE),
)
"""What a zip archive is whose members' names begin so."""

_PAGE = (b"<!doctype html", b"<html", b"<head")
_MOST_ZIP = 1 << 24
"""The most bytes of a zip archive that are searched for names of members."""


def foreign_kind(path: Path, start: bytes) -> str | None:
    """The kind of a file by its first bytes, and what to do instead; None if it is not recognized."""
    for signature, (kind, advice) in _STARTS.items():
        if start.startswith(signature):
            return f"{kind}; {advice}"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(_PAGE):
        return "a web page: the download gave the page around the file; download the file itself (its raw link)"
    if text.startswith(b"<?xml"):
        return f"an XML document; {_HOW_TO_SAVE}"
    return _zip_kind(path) if start.startswith(b"PK\x03\x04") else None


def _zip_kind(path: Path) -> str:
    kinds = {prefix: f"{kind}; {advice}" for prefix, kind, advice in _MEMBERS}
    names = _zip_names(path)
    for prefix, words in kinds.items():
        if any(name.startswith(prefix) for name in names):
            return words
    if any(name.endswith("data.pkl") for name in names):
        return f"a model saved by PyTorch; {_HOW_TO_SAVE}"
    if any(name.endswith(".npy") for name in names):
        return f"arrays saved by NumPy (.npz); {_HOW_TO_SAVE}"
    inside = [name for name in names if name.lower().endswith((".mat", ".m"))]
    if inside:
        return f"a zip archive with {inside[0]!r} in it; unpack it first and open that file"
    return f"a zip archive; {_HOW_TO_SAVE}"


def _zip_names(path: Path) -> list[str]:
    """The names of the members; nothing is unpacked."""
    try:
        if path.stat().st_size > _MOST_ZIP:
            return []
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return []
