"""Changed function files, read by us and run by GNU Octave.

`python scripts/fuzz/fuzz_function_files.py --count 20000`: random function files get comments, continuations,
transposes, quotes, ranges, signs, white space and bytes that they did not have; with `--change meaning` lines go, come
twice or change places, and names, numbers and operators become others. Where we load one of them, Octave must run it
to the same outputs; what we refuse may mean anything. Findings are kept in --findings; the exit status is 1 where there
are any.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

import function_files
from matnet.errors import MatnetError
from matnet.importers.genfunction import load_genfunction
from matnet.network import Network

BATCH = 250
"""How many files one Octave process runs."""

FINAL_STATES = re.compile(r"^[ \t]*(?:final[ax]ts|x?its|xts|ats|[XA]f|[xa]f\d+)\b[^\n]*$", re.MULTILINE)
"""What sets final states, which no output needs."""

LITERAL = re.compile(r"\[[-+0-9. ;e]*\]|(?<=[=] )-?[0-9.e+-]+(?=;)")
_SPACE = [" ", "  ", "\t", "\f", "\v", "\xa0", "\x85", "\x1c", "\u00a0\u00a0", ""]
_COMMENTS = [
    "% a comment",
    "%",
    "%{",
    "%}",
    " %{ ",
    "%{ a",
    "# b",
    "#{",
    "% it's ]",
    "%% [1 2",
    "...",
    "... % c",
    "%d...\n",
]
_BREAKS = ["...\n", " ...\n", " ... and on\n", "...\n\n", "\n", "\r", "\r\n", "\n\n", ";\n", "\n;", ",\n", " ...\n%c\n"]
_WORDS = """
    1. .5 1e3 1E+3 1d2 0x1F 1i 1e NaN Inf -Inf +3 1_000 - 1: 2:3 1:2:5 1.5.5 1..2 --1 +-2 1' '1' "1" pi e
"""
_NUMBERS = _WORDS.split()
_MARKS = [
    "'",
    ".'",
    "''",
    "'.'",
    " '",
    "' '",
    '"',
    "!",
    "~",
    "\\",
    "@",
    "$",
    "`",
    "\x00",
    "\xe9",
    "^2",
    ".^2",
    "++",
    "--",
]
_AROUND = """
    %{N@N%}|%{N%{N@N%}N%}|%{ N@N %}|%{ xN@|@ % c|@, |@;;|; @|@ ...N|#{N@N#}|\t@|\xa0@|\xff@|if 1, @, end|if trueN@Nend|
    for k=1:1N@Nend|@N%}|%{N@|...N@|... %{N@|@ %{|@\r|\r@|x1 = x1;N@|@N@|clcN@|y = 1;N@|1;N@|@ 1|'@'
"""
_LINES = [line.replace("N", "\n") for line in _AROUND.strip().replace("|\n    ", "|").split("|")]
"""What may stand around a line, the at sign; N is the end of a line."""


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--change", choices=sorted(CHANGES), default="spelling")
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    arguments = parser.parse_args()
    tally: Counter[str] = Counter()
    for start in range(arguments.seed, arguments.seed + arguments.count, BATCH):
        seeds = range(start, min(start + BATCH, arguments.seed + arguments.count))
        tally += _batch(seeds, CHANGES[arguments.change], arguments.findings)
    print(", ".join(f"{count} {what}" for what, count in sorted(tally.items())))
    return 1 if any(what.startswith("other") for what in tally) else 0


def respelled(text: str, rng: random.Random) -> str:
    """The text with one change of its spelling, or two."""
    for _ in range(rng.choice((1, 1, 1, 2))):
        text = rng.choice((_spelling, _spelling, _literal, _literal, _line, _anywhere))(text, rng)
    return text


def altered(text: str, rng: random.Random) -> str:
    """The text with one change of its meaning, or two."""
    for _ in range(rng.choice((1, 1, 1, 2))):
        lines = text.split("\n")
        k, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        words = re.split(r"(\W)", lines[k])
        w = rng.randrange(len(words))
        kind = rng.choice(("go", "twice", "swap", "move", "name", "name", "name", "number", "operator", "operator"))
        if kind == "go":
            del lines[k]
        elif kind == "twice":
            lines.insert(other, lines[k])
        elif kind == "swap":
            lines[k], lines[other] = lines[other], lines[k]
        elif kind == "move":
            lines.insert(other, lines.pop(k))
        elif kind == "name" and re.fullmatch(r"[A-Za-z]\w*", words[w]):
            words[w] = rng.choice(re.findall(r"[A-Za-z]\w*", rng.choice(lines)) or ["x1"])
            lines[k] = "".join(words)
        elif kind == "number" and words[w].isdigit():
            words[w] = rng.choice(("0", "1", "2", "3", "4", "-1"))
            lines[k] = "".join(words)
        elif words[w] in ("+", "-", "*", ".", "/", "=", "<", ">", "'", "(", ")", ",", "~"):
            words[w] = rng.choice(("+", "-", "*", ".*", "./", "==", "'", ",", " ", ":"))
            lines[k] = "".join(words)
        text = "\n".join(lines)
    return text


CHANGES: dict[str, Callable[[str, random.Random], str]] = {"spelling": respelled, "meaning": altered}
"""What may be changed."""


def _spelling(text: str, rng: random.Random) -> str:
    """A change that leaves the meaning, if it is the right place for it."""
    old, new = rng.choice(
        (
            (" ", "  "), (" ", "\t"), (" ", ", "), (";", "; "), (";", ";\n"), (";", " ; "), (";", "\n"), ("[", "[ "),
            ("\n", " % c\n"), ("\n", "\n\n"), (" = ", "="), ("]", " ]"), ("[", "[\n"), ("]", "\n]"), (" ", " ...\n"),
            ("-", "- "), (" + ", "+"), (" + ", " +"), ("*", " * "), ("*", " *"), ("'", " '"), ("(", "( "), (")", " )"),
            (" ", " ... it's\n"), ("\n", " ;\n"), ("\n", "\r\n"), (" ", " -"), ("]", "]'"), ("]", "].'"), ("1", "1.0"),
            (".", ".0"), ("e-", "E-"), ("\n", "\n% it's {[\n"), ("\n", "\n%{\n'[\n%}\n"), (",", " , "), ("{", "{ "),
            (",", ",...\n"),
        )
    )  # fmt: skip
    places = [place.start() for place in re.finditer(re.escape(old), text)]
    if not places:
        return text
    at = rng.choice(places)
    return text[:at] + new + text[at + len(old) :]


def _literal(text: str, rng: random.Random) -> str:
    """A change inside a literal or right after it."""
    places = list(LITERAL.finditer(text))
    if not places:
        return text
    place = rng.choice(places)
    words = re.split(r"([ ;])", place.group())
    k = rng.randrange(len(words))
    change: Callable[[], str] = rng.choice(
        (
            lambda: rng.choice(_SPACE) + words[k],
            lambda: words[k] + rng.choice(_SPACE),
            lambda: words[k] + rng.choice(_COMMENTS) + rng.choice(("\n", "", "\n\n", "\n%}\n")),
            lambda: "\n" + rng.choice(_COMMENTS) + "\n" + words[k],
            lambda: words[k] + rng.choice(_BREAKS),
            lambda: rng.choice(_BREAKS) + words[k],
            lambda: rng.choice(_NUMBERS) + words[k][:0],
            lambda: words[k] + rng.choice(_MARKS),
            lambda: rng.choice((",", ", ", " ,", ";", "; ", ",,", ";;", " - ", " + ", " -", "-", "+")),
            lambda: rng.choice(("-", "+", "- ", "+ ", "--", "~", "@")) + words[k],
            lambda: words[k] + " " + rng.choice(_NUMBERS),
        )
    )
    words[k] = change()
    after = rng.choice(("", "", "", "", "'", ".'", " '", "''", "' '", "*1", "(:)", "(1)", "+0"))
    return text[: place.start()] + "".join(words) + after + text[place.end() :]


def _line(text: str, rng: random.Random) -> str:
    """A change around a line."""
    lines = text.split("\n")
    k = rng.randrange(len(lines))
    lines[k] = rng.choice(_LINES).replace("@", lines[k])
    return "\n".join(lines)


def _anywhere(text: str, rng: random.Random) -> str:
    """Something put in between two characters, or one taken out."""
    k = rng.randrange(len(text))
    kept = text[k + 1 :] if rng.random() < 0.3 else text[k:]
    return text[:k] + rng.choice((*_SPACE, *_COMMENTS, *_BREAKS, *_MARKS)) + kept


def _batch(seeds: range, change: Callable[[str, random.Random], str], findings: Path) -> Counter[str]:
    tally: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = ["warning('off','all');", "out = fopen('out.txt','w');"]
        for seed in seeds:
            made = function_files.made(seed)
            text = change(made.text, random.Random(seed))
            call = made.call.replace("\n", " ").replace("'", "''")
            lines.append("done = 0;")
            for letter, written in (("f", text), ("g", FINAL_STATES.sub("", text))):
                path = folder / f"{letter}{seed}" / "f.m"
                path.parent.mkdir()
                path.write_bytes(written.encode("latin-1", "replace") if seed % 2 else written.encode("utf-8"))
                lines += [
                    f"if ~done, addpath('{letter}{seed}'); clear f X Xi Ai Y y",
                    f"try, evalc('{call}'); done = 1;",
                ]
                lines += [f"fprintf(out,'{letter} '); fprintf(out,'%.17g ',y); end", f"rmpath('{letter}{seed}'); end"]
            lines += ["if ~done, fprintf(out,'refused'); end", "fprintf(out,'\\n');"]
        (folder / "driver.m").write_text("\n".join([*lines, "fclose(out);", ""]))
        command = ["octave-cli", "--no-gui", "-qf", "driver.m"]
        subprocess.run(command, cwd=folder, capture_output=True, check=True, stdin=subprocess.DEVNULL)
        answers = (folder / "out.txt").read_text().split("\n")
        for seed, answer in zip(seeds, answers, strict=False):
            path = folder / f"f{seed}" / "f.m"
            what = _compared(path, function_files.made(seed), answer)
            tally[what] += 1
            if what.startswith("other"):
                findings.mkdir(parents=True, exist_ok=True)
                (findings / f"{seed}.m").write_bytes(path.read_bytes())
                print(f"{seed}: {what}", file=sys.stderr)
    return tally


def _compared(path: Path, made: function_files.Made, answer: str) -> str:
    try:
        net = Network(*load_genfunction(path))
    except MatnetError:
        return "refused by both" if answer == "refused" else "refused by us alone"
    if net.input_size != made.x.shape[1]:
        return "loaded, with inputs of another size"
    if answer == "refused":
        return "other: Octave refuses what we load"
    letter, *numbers = answer.split()
    after = ", without the final states, which Octave refuses" if letter == "g" else ""
    y = np.array(numbers, dtype=np.float64)
    try:
        delays = net.structure.input_delay, net.structure.layer_delay
        if delays[0] > len(made.xi) or delays[1] > len(made.ai):
            return "loaded, with other states"
        xi, ai = (states[len(states) - delay :] for states, delay in zip((made.xi, made.ai), delays, strict=True))
        states = (xi if len(xi) else None, ai if len(ai) else None)
        x, steps = (made.x, None) if made.x.shape[1] else (None, function_files.STEPS)
        found = net.run(x, *states, steps).outputs if net.dynamic else net(made.x)
    except MatnetError as error:
        return f"other: {error}"
    scale = np.abs(y[np.isfinite(y)]).max(initial=1e-300)
    if found.size == y.size:
        for outputs, what in ((found, "the same outputs"), (found.T, "the same outputs, transposed")):
            if np.allclose(outputs.reshape(-1), y, rtol=1e-10, atol=1e-12 * scale, equal_nan=True):
                return f"loaded, with {what}{after}"
    return "other outputs"


if __name__ == "__main__":
    sys.exit(main())
