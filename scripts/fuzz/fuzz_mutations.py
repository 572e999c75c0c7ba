"""Changed files for the fuzzers: bytes, and the structure of each format below its compression.

Every mutator takes the bytes of a sound file and a random generator and gives other bytes. They never raise, whatever
the bytes: what they cannot take apart they change byte by byte.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, TypeAlias

from fuzz_hdf5 import objects
from fuzz_tables import cells
from matnet import MatnetError
from matnet.model.archive import digest_of, loads

Mutator: TypeAlias = Callable[[bytes, Random], bytes]

MATRIX, COMPRESSED, UINT8 = 14, 15, 2
_HEADER = 128
_WORDS = (0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1)
_DOUBLES = (0.0, -0.0, 1.0, 1e300, -1e-300, float("nan"), float("inf"), 2.0**53 + 2, 0.5, -1.0)
_CLASSES = (b"double", b"single", b"logical", b"int8\0\0", b"uint8\0", b"char\0\0", b"cell\0\0", b"struct")
MOST = 4 << 20
"""Bytes that a changed file may have, so that one is tried quickly."""


def bytewise(data: bytes, random: Random) -> bytes:
    """A few bytes changed, added, taken out, repeated or cut off."""
    found = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4, 16))):
        if not found:
            return bytes(found)
        at = random.randrange(len(found))
        kind = random.randrange(8)
        if kind <= 1:
            found[at] ^= 1 << random.randrange(8)
        elif kind == 2:
            found[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        elif kind == 3:
            at -= at % 4
            found[at : at + 4] = struct.pack("<I", random.choice(_WORDS))
        elif kind == 4:
            del found[at : at + random.choice((1, 4, 8, 64))]
        elif kind == 5:
            found[at:at] = random.randbytes(random.choice((1, 4, 8)))
        elif kind == 6:
            length, source = random.choice((4, 8, 16, 64)), random.randrange(len(found))
            found[at : at + length] = found[source : source + length]
        elif random.randrange(4) == 0:
            del found[at:]
    return bytes(found[:MOST])


def mat5(data: bytes, random: Random) -> bytes:
    """A version 5 to 7 MAT-file changed within its variables, below the compression, which is put on again."""
    variables = list(_variables(data))
    if not variables:
        return bytewise(data, random)
    chosen = random.randrange(len(variables))
    parts = [data[:_HEADER]]
    for number, (kind, content) in enumerate(variables):
        changed = _matrix_changed(content, random) if number == chosen else content
        if number == chosen and random.randrange(16) == 0:
            changed = b"" if random.randrange(2) else changed + changed
        elif number != chosen and random.randrange(64) == 0:
            continue
        parts.append(_wrapped(kind, changed))
    return b"".join(parts)[:MOST]


def one_bit(data: bytes, random: Random) -> bytes:
    """A version 5 to 7 MAT-file with one bit of a variable flipped, below the compression."""
    variables = list(_variables(data))
    if not variables:
        return bytewise(data, random)
    at = random.randrange(sum(len(content) for _, content in variables))
    parts = [data[:_HEADER]]
    for kind, content in variables:
        changed = bytearray(content)
        if 0 <= at < len(content):
            changed[at] ^= 1 << random.randrange(8)
        at -= len(content)
        parts.append(_wrapped(kind, bytes(changed)))
    return b"".join(parts)


def linking(data: bytes, random: Random) -> bytes:
    """A version 5 to 7 MAT-file whose linking metadata, or references to objects, are changed."""
    variables = list(_variables(data))
    hidden = [number for number, (_, content) in enumerate(variables) if b"FileWrapper__" in content]
    if not hidden:
        return mat5(data, random)
    kind, content = variables[hidden[-1]]
    # the metadata are the first bytes after the wrapper's name; the cells with the properties follow
    start = content.index(b"FileWrapper__") + 16
    found = bytearray(content)
    span = min(len(found) - start, random.choice((256, 1024, 4096)))
    for _ in range(random.choice((1, 1, 2, 4))):
        at = start + random.randrange(max(span // 4, 1)) * 4
        if at + 8 > len(found):
            continue
        old = struct.unpack_from("<I", found, at)[0]
        new = random.choice((*_WORDS, (old + 1) % 2**32, (old - 1) % 2**32, random.randrange(64)))
        struct.pack_into("<I", found, at, new)
    variables[hidden[-1]] = (kind, bytes(found))
    return data[:_HEADER] + b"".join(_wrapped(kind, content) for kind, content in variables)


def _variables(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The kind of each variable and its element, inflated."""
    at = _HEADER
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, at)
        content = data[at + 8 : at + 8 + size]
        if kind == COMPRESSED:
            try:
                yield kind, zlib.decompressobj().decompress(content, MOST)
            except zlib.error:
                return
        elif kind == MATRIX:
            yield kind, data[at : at + 8 + size]
        else:
            return
        at += 8 + size


def _wrapped(kind: int, content: bytes) -> bytes:
    if kind != COMPRESSED:
        return content
    packed = zlib.compress(content, 1)
    return struct.pack("<II", COMPRESSED, len(packed)) + packed


def _matrix_changed(content: bytes, random: Random) -> bytes:
    """A matrix element with one of its elements changed; enclosing sizes follow, or do not."""
    if random.randrange(8) == 0:
        return content[:8] + bytewise(content[8:], random)
    places = list(_elements(content, 8, len(content), (0,), random))
    if not places:
        return bytewise(content, random)
    tag, start, end, parents = places[random.randrange(len(places))]
    found = bytearray(content)
    before = len(found)
    _element_changed(found, tag, start, end, random)
    grown = len(found) - before
    if grown and random.randrange(8):
        for parent in (*parents, tag if start - tag == 8 else parents[-1]):
            size = struct.unpack_from("<I", found, parent + 4)[0] if parent + 8 <= len(found) else 0
            if 0 <= size + grown < 2**32 and parent + 8 <= len(found):
                struct.pack_into("<I", found, parent + 4, size + grown)
    return bytes(found)


def _elements(
    content: bytes, at: int, end: int, parents: tuple[int, ...], random: Random
) -> Iterator[tuple[int, int, int, tuple[int, ...]]]:
    """Where elements are: tag, first byte, end, and the tags of those around it; down into matrices."""
    while at + 8 <= end:
        first, size = struct.unpack_from("<II", content, at)
        if first >> 16:
            yield at, at + 4, at + 4 + min(first >> 16, 4), parents
            at += 8
            continue
        stop = min(at + 8 + size, end)
        yield at, at + 8, stop, parents
        if first == MATRIX and len(parents) < 12:
            yield from _elements(content, at + 8, stop, (*parents, at), random)
        at += 8 + size + -size % 8


def _element_changed(found: bytearray, tag: int, start: int, end: int, random: Random) -> None:
    kind, size = random.randrange(8), end - start
    if kind == 0:
        struct.pack_into("<I", found, tag, random.choice((1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 14, 16, 17, 18, 99)))
    elif kind == 1 and start - tag == 8:
        struct.pack_into("<I", found, tag + 4, random.choice((*_WORDS, size + 8, max(size - 8, 0))))
    elif kind == 2 and size >= 8:
        at = start + random.randrange(size // 8) * 8
        found[at : at + 8] = struct.pack("<d", random.choice(_DOUBLES))
    elif kind == 3 and size >= 4:
        at = start + random.randrange(size // 4) * 4
        found[at : at + 4] = struct.pack("<I", random.choice(_WORDS))
    elif kind == 4:
        del found[tag : end + (-end % 8)]
    elif kind == 5:
        found[tag:tag] = found[tag : end + (-end % 8)]
    elif size:
        at = start + random.randrange(size)
        found[at] ^= 1 << random.randrange(8)


def hdf5(data: bytes, random: Random) -> bytes:
    """A version 7.3 file with words swapped, classes renamed, or bytes changed."""
    kind = random.randrange(6)
    found = bytearray(data)
    if kind <= 1:
        return bytewise(data, random)
    if kind == 2:
        places = [match.start() for match in re.finditer(b"double|single|logical|uint8|struct|cell|network", data)]
        if places:
            at, name = random.choice(places), random.choice(_CLASSES)
            found[at : at + 6] = name[:6]
        return bytes(found)
    filled = [at for at in range(0, len(data) - 8, 8) if data[at : at + 8] != bytes(8)] if kind == 3 else []
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.choice(filled) if filled else random.randrange(max(len(data) // 8, 1)) * 8
        if kind == 4:
            other = random.randrange(max(len(data) // 8, 1)) * 8
            found[at : at + 8], found[other : other + 8] = found[other : other + 8], found[at : at + 8]
        else:
            word = random.choice((*_WORDS, random.randrange(len(data)), 2**63 - 1, 2**64 - 1))
            found[at : at + 8] = struct.pack("<Q", word)
    return bytes(found[: len(data)])


_M_TOKEN = re.compile(r"[A-Za-z]\w*|\d+\.?\d*(?:[eE][+-]?\d+)?|[^\w\s]")
_M_REPLACEMENTS = ("+", "-", "*", ".*", "./", "/", "'", "(", ")", "[", "]", "{", "}", ";", ",", ":", "0", "1", "2", "%")


def statements(data: bytes, random: Random) -> bytes:
    """A function file with lines or tokens left out, repeated, moved or exchanged."""
    lines = data.decode("latin-1").split("\n")
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        at = random.randrange(len(lines))
        kind = random.randrange(8)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(random.randrange(len(lines)), lines[at])
        elif kind == 2:
            other = random.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 3:
            return bytewise(data, random)
        else:
            lines[at] = _token_changed(lines[at], "\n".join(lines), random)
        if not lines:
            break
    return "\n".join(lines).encode("latin-1", errors="replace")


def _token_changed(line: str, text: str, random: Random) -> str:
    tokens = list(_M_TOKEN.finditer(line))
    if not tokens:
        return line
    token = random.choice(tokens)
    everywhere = _M_TOKEN.findall(text[:4000])
    new = random.choice((random.choice(_M_REPLACEMENTS), random.choice(everywhere), "", token.group() * 2))
    return line[: token.start()] + new + line[token.end() :]


_STRANGE: tuple[Any, ...] = (
    *(0, -1, 2, 10**9, 1e308, 2**63, True, None),
    *("", "NaN", "Infinity", "tansig", [], {}, [[1.0]]),
)


_LONG = ("value", "bias", "checks")
"""The entries of an archive that hold most of its numbers."""


def archive(data: bytes, random: Random) -> bytes:
    """An archive with an entry exchanged, left out, added or moved; or with other bytes."""
    if random.randrange(4) == 0:
        return bytewise(data, random)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return bytewise(data, random)
    _entry_changed(value, random)
    return _dumped(value, data)


def digest(data: bytes, random: Random) -> bytes:
    """An archive with up to three entries changed, and the digest that belongs to it where it can still be read.

    Most changes leave the types as they are. Half of the archives lose their check points first, with which hardly
    another size or stride would agree.
    """
    value = json.loads(data)
    if random.randrange(2):
        value["checks"] = {"inputs": [], "outputs": [], "jacobians": []}
    for _ in range(random.choice((1, 1, 2, 3))):
        random.choice((_entry_changed, _within_its_type, _within_its_type))(value, random)
    changed = _dumped(value, data)
    try:
        found = loads(changed.decode("ascii"))
    except MatnetError:
        return changed
    return changed.replace(found.digest.encode(), digest_of(found).encode(), 1) if found.digest else changed


def _entry_changed(value: Any, random: Random) -> None:
    """Any entry becomes another, or is left out or moved: half of the time one that is no weight and no check point."""
    entries = list(_entries(value, _LONG if random.randrange(2) else ()))
    if not entries:
        return
    holder, key = random.choice(entries)
    kind = random.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        other, other_key = random.choice(entries)
        holder[key] = other[other_key]
    elif kind == 2 and isinstance(holder, list):
        holder.append(holder[key])
    elif kind == 3 and isinstance(holder[key], int | float):
        holder[key] = random.choice((holder[key] * 1.0000001, holder[key] + 1, -holder[key]))
    else:
        holder[key] = random.choice(_STRANGE)


def _within_its_type(value: Any, random: Random) -> None:
    """A size, a setting, a name or a list of them, but no weight, becomes another of its type."""
    entries = [(holder, key) for holder, key in _entries(value, _LONG) if key not in _LONG]
    if not entries:
        return
    holder, key = random.choice(entries)
    entry = holder[key]
    if isinstance(entry, bool):
        holder[key] = not entry
    elif isinstance(entry, int | float):
        holder[key] = random.choice((entry + 1, entry - 1, entry * 2, entry // 2, 0, 1, 2))
    elif isinstance(entry, str):
        holder[key] = random.choice([other[name] for other, name in entries if name == key])
    elif isinstance(entry, list) and entry:
        kind = random.randrange(4)
        if kind <= 1:
            random.shuffle(entry)
        elif kind == 2:
            del entry[random.randrange(len(entry))]
        else:
            entry.insert(random.randrange(len(entry) + 1), random.choice(entry))


def _dumped(value: Any, data: bytes) -> bytes:
    try:
        return json.dumps(value).encode()[:MOST]
    except (ValueError, RecursionError):
        # a value that was put into itself
        return data


def _entries(value: Any, left_out: Sequence[str], depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """The holder and the key of every entry, but for those within the keys that are left out."""
    if depth > 12:
        return
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        if key not in left_out:
            yield from _entries(value[key], left_out, depth + 1)


def within_zip(data: bytes, random: Random) -> bytes:
    """A workbook with a part of it changed and packed anew; or with other bytes."""
    if random.randrange(8) == 0:
        return bytewise(data, random)
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        chosen = random.choice([name for name in names if "sheet" in name] if random.randrange(4) else names)
        for name in names:
            content = old.read(name)
            new.writestr(name, _xml_changed(content, random) if name == chosen else content)
    return memory.getvalue()


def _xml_changed(content: bytes, random: Random) -> bytes:
    tokens = list(re.finditer(rb"[A-Za-z]+\d+|[A-Za-z:]+|-?\d+\.?\d*", content))
    if random.randrange(4) == 0 or not tokens:
        return bytewise(content, random)
    token, other = random.choice(tokens), random.choice(tokens)
    strange = (b"XFD1048576", b"A0", b"-1", b"1e400", b"99999999999999999999", b"2147483648", b"NaN", b"", b"<c/>")
    new = random.choice((other.group(), *strange))
    return content[: token.start()] + new + content[token.end() :]


MUTATORS: Mapping[str, tuple[str, Mutator]] = {
    "bytes": (".mat", bytewise),
    "mat5": (".mat", mat5),
    "bit": (".mat", one_bit),
    "linking": (".mat", linking),
    "hdf5": (".mat", hdf5),
    "objects": (".mat", objects),
    "function": (".m", statements),
    "archive": (".json", archive),
    "digest": (".json", digest),
    "table": (".csv", cells),
    "parquet": (".parquet", bytewise),
    "arrow": (".arrow", bytewise),
    "excel": (".xlsx", within_zip),
}
"""By kind: the suffix of the files, and what changes them."""


def has_objects(data: bytes) -> bool:
    """Whether a version 5 to 7 MAT-file has linking metadata, and so objects of newer classes."""
    return any(b"FileWrapper__" in content for _, content in _variables(data))


def inflated_sizes(data: bytes) -> Iterator[int]:
    """The sizes of the variables of a version 5 to 7 MAT-file, inflated."""
    return (len(content) for _, content in _variables(data))
