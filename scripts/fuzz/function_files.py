"""Random function files in the styles of MATLAB's genFunction, each with a question that Octave can answer.

All interfaces (matrix and cell, samples in columns and rows), settings in structs and flat, rings of delays, open and
closed loops, several inputs and outputs, cascades, radial and competitive layers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

STEPS = 6
"""How many samples or time steps a question has."""

TRANSFER = {
    "tansig": ("a = 2 ./ (1 + exp(-2*n)) - 1;",),
    "logsig": ("a = 1 ./ (1 + exp(-n));",),
    "poslin": ("a = max(0,n);\na(isnan(n)) = nan;",),
    "satlin": ("a = max(0,min(1,n));\na(isnan(n)) = nan;",),
    "satlins": ("a = max(-1,min(1,n));\na(isnan(n)) = nan;",),
    "hardlim": ("a = double(n >= 0);\na(isnan(n)) = nan;",),
    "hardlims": ("a = 2*(n >= 0)-1;\na(isnan(n)) = nan;",),
    "radbas": ("a = exp(-(n.*n));", "a = exp(-n.*n);"),
    "tribas": ("a = max(0,1-abs(n));\na(isnan(n)) = nan;",),
    "elliotsig": ("a = n ./ (1 + abs(n));",),
    "softmax": (
        "nmax = max(n,[],1);\nn = bsxfun(@minus,n,nmax);\nnumer = exp(n);\ndenom = sum(numer,1);\n"
        "denom(denom == 0) = 1;\na = bsxfun(@rdivide,numer,denom);",
    ),
    "compet": (
        "[S,Q] = size(n);\n[~,maxRows] = max(n,[],1);\na = full(sparse(maxRows,1:Q,ones(1,Q),S,Q));",
        "if isempty(n)\n a = n;\nelse\n [S,Q] = size(n);\n nanInd = any(isnan(n),1);\n a = zeros(S,Q,'like',n);\n"
        " [~,maxRows] = max(n,[],1);\n onesInd = maxRows + S*(0:(Q-1));\n a(onesInd) = 1;\n a(:,nanInd) = NaN;\nend",
    ),
}
"""Bodies of transfer functions, of one generation or more."""

DISTANCE = (
    "[S,R] = size(w);\nQ = size(p,2);\nz = zeros(S,Q);\nif (Q<S)\n p = p';\n copies = zeros(1,S);\n for q=1:Q\n"
    "  z(:,q) = sum((w-p(q+copies,:)).^2,2);\n end\nelse\n w = w';\n copies = zeros(1,Q);\n for i=1:S\n"
    "  z(i,:) = sum((w(:,i+copies)-p).^2,1);\n end\nend\n"
)
WEIGHT = {"negdist": f"{DISTANCE}z = -sqrt(z);", "dist": f"{DISTANCE}z = sqrt(z);"}


@dataclass
class Made:
    """A function file and a question to it: samples or steps are rows of ``x``, states are oldest first."""

    text: str
    call: str
    x: Matrix
    xi: Matrix
    ai: Matrix
    dynamic: bool


@dataclass
class _Layer:
    size: int
    transfer: str
    bias: bool
    inputs: dict[int, tuple[int, ...]] = field(default_factory=dict)
    layers: dict[int, tuple[int, ...]] = field(default_factory=dict)
    function: str = "dotprod"


class Maker:
    """One file."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        pick = self._pick
        self.cells = pick(False, True)
        self.dynamic = pick(False, False, True)
        self.rows = pick(False, True) and not (self.dynamic and not self.cells)
        self.flat = pick(False, True)
        self.sizes = [int(self.rng.integers(1, 4)) for _ in range(pick(1, 1, 2, 3))]
        if not self.dynamic and self.cells and pick(*[False] * 19, True):
            self.sizes = []
        self.layers: list[_Layer] = []
        self.constants: list[str] = []
        self.used: dict[str, str] = {}
        self.input_delay = self.layer_delay = 0
        self.raw_outputs: list[int] = []
        self.direct: dict[int, bool] = {}

    def _pick(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def _number(self) -> str:
        value = float(self.rng.normal())
        return f"{value:.{self._pick(15, 17, 20, 4)}g}" if value else "0"

    def _matrix(self, rows: int, columns: int) -> str:
        if rows == columns == 1:
            return self._number()
        listed = [" ".join(self._number() for _ in range(columns)) for _ in range(rows)]
        return f"[{';'.join(listed)}]"

    def made(self) -> Made:
        """The file with its question."""
        self._lay_out()
        before, inside, after = self._statements()
        main = self._joined(before, inside, after)
        modules = [f"function {head}\n{body}" for head, body in self.used.items()]
        closed = self._pick(True, True, False)
        text = "".join(f"{part}\n{'end' if closed else ''}\n" for part in (main, *modules))
        if self._pick(False, True):
            text = "\n".join("  " + line if line.strip() else line for line in text.split("\n"))
        if self._pick(False, False, True):
            text = text.replace("\n", "\r\n")
        return self._question(text)

    # the network

    def _lay_out(self) -> None:
        count = self._pick(1, 2, 2, 2, 3, 4)
        inputs = len(self.sizes)
        for number in range(1, count + 1):
            last = number == count
            transfer = "purelin" if last and self._pick(True, True, False) else self._pick(*TRANSFER, "purelin")
            layer = _Layer(int(self.rng.integers(1, 5)), transfer, self._pick(True, True, True, False))
            for source in range(1, inputs + 1):
                if number == 1 or self._pick(*[False] * 5, True):
                    layer.inputs[source] = self._delays()
            for source in range(1, number):
                if source == number - 1 or self._pick(*[False] * 3, True):
                    layer.layers[source] = (0,)
            if self.dynamic and self._pick(False, True):
                source = int(self.rng.integers(1, count + 1))
                if source not in layer.layers:
                    layer.layers[source] = tuple(d + 1 for d in self._delays())
            if number == 1 and inputs == 1 and not layer.layers and not self.dynamic and self._pick(*[False] * 5, True):
                layer.function = self._pick(*WEIGHT)
            if not layer.inputs and not layer.layers:
                layer.bias = True
            self.layers.append(layer)
        taps = [max(d) for layer in self.layers for d in layer.inputs.values()]
        self.input_delay = max(taps, default=0)
        self.layer_delay = max((max(d) for layer in self.layers for d in layer.layers.values()), default=0)
        if self.dynamic and not self.input_delay and not self.layer_delay:
            self.layers[0].inputs[1] = (0, 1)
            self.input_delay = 1
        self.outputs = [count] if count == 1 or self._pick(True, True, False) else [count - 1, count]

    def _delays(self) -> tuple[int, ...]:
        if not self.dynamic:
            return (0,)
        delays: tuple[int, ...] = self._pick((0,), (1,), (0, 1), (1, 2), (0, 2), (1, 2, 3), (0, 1, 2, 3))
        return delays

    # processing

    def _step(self, side: str, number: int, step: int, function: str, settings: dict[str, str]) -> str:
        """Writes the constants of a step and gives the arguments after the first."""
        name = f"{side}{number}_step{step}"
        joint = "_" if self.flat else "."
        self.constants += [f"{name}{joint}{key} = {value};" for key, value in settings.items()]
        order = sorted(settings) if function != "removeconstantrows" else list(settings)
        return ",".join(f"{name}_{key}" for key in order) if self.flat else name

    def _module(self, name: str, result: str, argument: str, keys: list[str], body: str) -> None:
        given = [f"settings_{key}" for key in keys] if self.flat else ["settings"]
        body = body if not self.flat else body.replace("settings.", "settings_")
        self.used[f"{result} = {name}({','.join([argument, *given])})"] = body

    def _input_steps(self, number: int) -> list[tuple[str, str]]:
        """(function, arguments after the first) of an input, and its raw size set."""
        size, steps = self.sizes[number - 1], []
        for kind in self._pick((), ("map",), ("map",), ("map",), ("remove", "map"), ("std",)):
            if kind == "remove":
                keep = f"[{' '.join(str(k) for k in range(2, size + 2))}]" if size > 1 else "2"
                settings = {"remove": "1", "keep": keep} if self.flat else {"keep": keep}
                arguments = self._step("x", number, 1, "removeconstantrows", settings)
                self._module("removeconstantrows_apply", "y", "x", list(settings), "y = x(settings.keep,:);")
                self.raw[number - 1] = size + 1
                steps.append(("removeconstantrows_apply", arguments))
            elif kind == "std":
                keys = {key: self._matrix(size, 1) for key in ("xmean", "xstd")}
                keys |= {"ymean": "0", "ystd": "1"}
                body = (
                    "y = bsxfun(@minus,x,settings.xmean);\ny = bsxfun(@times,y,settings.ystd./settings.xstd);\n"
                    "y = bsxfun(@plus,y,settings.ymean);"
                )
                self._module("mapstd_apply", "y", "x", sorted(keys), body)
                steps.append(("mapstd_apply", self._step("x", number, len(steps) + 1, "mapstd", keys)))
            else:
                keys = {"xoffset": self._matrix(size, 1), "gain": self._matrix(size, 1), "ymin": "-1"}
                body = (
                    "y = bsxfun(@minus,x,settings.xoffset);\ny = bsxfun(@times,y,settings.gain);\n"
                    "y = bsxfun(@plus,y,settings.ymin);"
                )
                self._module("mapminmax_apply", "y", "x", sorted(keys), body)
                steps.append(("mapminmax_apply", self._step("x", number, len(steps) + 1, "mapminmax", keys)))
        return steps

    def _output_steps(self, number: int, size: int) -> list[tuple[str, str]]:
        steps = []
        kinds = self._pick((), ("map",), ("map",), ("map", "remove"))
        if "map" in kinds:
            keys = {"ymin": "-1", "gain": self._matrix(size, 1), "xoffset": self._matrix(size, 1)}
            body = (
                "x = bsxfun(@minus,y,settings.ymin);\nx = bsxfun(@rdivide,x,settings.gain);\n"
                "x = bsxfun(@plus,x,settings.xoffset);"
            )
            self._module("mapminmax_reverse", "x", "y", sorted(keys), body)
            steps.append(("mapminmax_reverse", self._step("y", number, len(kinds), "mapminmax", keys)))
        self.raw_outputs.append(size + ("remove" in kinds))
        if "remove" in kinds:
            keep = f"[{' '.join(str(k) for k in (1, *range(3, size + 2)))}]" if size > 1 else "1"
            if self.flat:
                keys = {"remove": "2", "xrows": str(size + 1), "value": self._number(), "keep": keep}
                body = (
                    "Q = size(y,2);\nx = zeros(settings.xrows,Q);\nx(settings.keep,:) = y;\n"
                    "x(settings.remove,:) = settings.value(:,ones(1,Q));"
                )
            else:
                keys = {"xrows": str(size + 1), "keep": keep, "remove": "2", "constants": self._number()}
                like = self._pick("", ",'like',y")
                body = (
                    f"Q = size(y,2);\nx = nan(settings.xrows,Q{like});\nx(settings.keep,:) = y;\n"
                    "x(settings.remove,:) = repmat(settings.constants,1,Q);"
                )
            self._module("removeconstantrows_reverse", "x", "y", list(keys), body)
            steps.append(("removeconstantrows_reverse", self._step("y", number, 1, "removeconstantrows", keys)))
        return steps

    def _chain(self, target: str, source: str, steps: list[tuple[str, str]]) -> list[str]:
        lines = []
        overwrite = self._pick(False, True) and "{" not in target and "(" not in target
        for k, (function, arguments) in enumerate(steps):
            to = target if k == len(steps) - 1 or overwrite else "temp"
            lines.append(f"{to} = {function}({source},{arguments});")
            source = to
        return lines or [f"{target} = {source};"]

    # statements

    def _statements(self) -> tuple[list[str], list[str], list[str]]:
        self.raw = list(self.sizes)
        in_steps = {number: self._input_steps(number) for number in range(1, len(self.sizes) + 1)}
        looped = self.cells or self.dynamic
        before: list[str] = []
        inside: list[str] = []
        after: list[str] = []
        in_slots, layer_slots = self.input_delay + 1, self.layer_delay + 1
        source: dict[int, str] = {}
        capital = "X" if self.cells else "x"
        rings = {n for layer in self.layers for n, d in layer.inputs.items() if d != (0,)}
        all_rings = self._pick(False, True) and self.cells
        layer_rings = {n for layer in self.layers for n, d in layer.layers.items() if d != (0,)}
        if layer_rings and all_rings:
            layer_rings = set(range(1, len(self.layers) + 1))
        for number, size in enumerate(self.sizes, start=1):
            raw = f"X{{{number},ts}}" if self.cells else f"x{number}(:,ts)" if looped else f"x{number}"
            steps = in_steps[number]
            if self.rows and self.cells:
                inside.append(f"{raw} = {raw}';")
            elif self.rows:
                before.append(f"x{number} = x{number}';")
            if number in rings:
                ring = f"{capital}d{number}"
                slot = f"{ring}{{xdts}}" if self.cells else f"{ring}(:,xdts)"
                inside += self._chain(slot, raw, steps)
                before += self._states(ring, number, size, steps, in_slots)
                source[number] = slot
            elif steps:
                inside += self._chain(f"{capital}p{number}", raw, steps)
                source[number] = f"{capital}p{number}"
            else:
                source[number] = raw
        for number in sorted(layer_rings):
            ring = "Ad" if self.cells else "ad"
            free = "cell(1,1)" if self.cells else f"zeros({self.layers[number - 1].size},1)"
            states = f"Ai({number},:)" if self.cells else f"ai{number}"
            if self.cells and self._pick(False, True):
                before += [f"Ad{number} = cell(1,{layer_slots});", f"for ts=1:{self.layer_delay}"]
                before += [f"    Ad{number}{{ts}} = Ai{{{number},ts}};", "end"]
            else:
                before.append(f"{ring}{number} = [{states} {free}];")
        self.rings, self.layer_rings = rings, layer_rings
        for number, layer in enumerate(self.layers, start=1):
            inside += self._layer(number, layer, source, looped)
        for k, number in enumerate(self.outputs, start=1):
            layer = self.layers[number - 1]
            target = f"Y{{{k},ts}}" if self.cells else f"y{k}(:,ts)" if looped else f"y{k}"
            steps = self._output_steps(k, layer.size)
            value = self._slot(number) if number in layer_rings and self._pick(False, True) else f"a{number}"
            if number in layer_rings and self.direct.get(number):
                value = self._slot(number)
            inside += self._chain(target, value, steps)
            if self.rows:
                (inside if self.cells else after).append(f"{target} = {target}';")
        if self.cells and self.input_delay:
            d = self.input_delay
            after += [f"finalxts = TS+(1: {d});", f"xits = finalxts(finalxts<={d});"]
            after += [f"xts = finalxts(finalxts>{d})-{d};", "Xf = [Xi(:,xits) X(:,xts)];"]
        elif self.cells:
            after.append(f"Xf = cell({len(self.sizes)},0);")
        if layer_rings:
            after += [f"finalats = TS+(1: {self.layer_delay});", f"ats = mod(finalats-1,{layer_slots})+1;"]
            if self.cells:
                after.append(f"Af = cell({len(self.layers)},{self.layer_delay});")
                after += [f"Af({n},:) = Ad{n}(:,ats);" for n in sorted(layer_rings)]
            else:
                after += [f"af{n} = ad{n}(:,ats);" for n in sorted(layer_rings)]
        elif self.cells:
            after.append(f"Af = cell({len(self.layers)},0);")
        if self.dynamic:
            head = [f"xdts = mod(ts+{self.input_delay - 1},{in_slots})+1;"] if rings else []
            head += [f"adts = mod(ts+{self.layer_delay - 1},{layer_slots})+1;"] if layer_rings else []
            inside = head + inside
        return before, inside, after

    def _states(self, ring: str, number: int, size: int, steps: list[tuple[str, str]], slots: int) -> list[str]:
        if not self.cells:
            return [*self._chain(ring, f"xi{number}", steps), f"{ring} = [{ring} zeros({size},1)];"]
        chain = self._chain(f"{ring}{{ts}}", f"Xi{{{number},ts}}", steps)
        return [f"{ring} = cell(1,{slots});", f"for ts=1:{slots - 1}", *(f"    {line}" for line in chain), "end"]

    def _slot(self, number: int) -> str:
        return f"Ad{number}{{adts}}" if self.cells else f"ad{number}(:,adts)"

    def _tapped(self, letter: str, number: int, delays: tuple[int, ...], size: int, slots: int) -> str:
        position = f"{letter}dts"
        listed = str(delays[0]) if len(delays) == 1 else f"[{' '.join(map(str, delays))}]"
        index = f"mod({position}-{listed}-1,{slots})+1"
        if self.cells:
            return f"cat(1,{letter.upper()}d{number}{{{index}}})"
        return f"reshape({letter}d{number}(:,{index}),{size * len(delays)},1)"

    def _layer(self, number: int, layer: _Layer, source: dict[int, str], looped: bool) -> list[str]:
        lines: list[str] = []
        repeated = not (looped and not self.cells)
        terms = [f"repmat(b{number},1,Q)" if repeated else f"b{number}"] if layer.bias else []
        columns = {}
        taps = 0
        for kind, connections in (("IW", layer.inputs), ("LW", layer.layers)):
            for other, delays in sorted(connections.items()):
                size = self.sizes[other - 1] if kind == "IW" else self.layers[other - 1].size
                columns[f"{kind}{number}_{other}"] = size * len(delays)
                ringed = other in (self.rings if kind == "IW" else self.layer_rings)
                slots = (self.input_delay if kind == "IW" else self.layer_delay) + 1
                weight = f"{kind}{number}_{other}"
                if ringed and (delays != (0,) or self._pick(False, True) or (kind == "LW" and self.direct.get(other))):
                    taps += 1
                    lines.append(
                        f"tapdelay{taps} = {self._tapped('x' if kind == 'IW' else 'a', other, delays, size, slots)};"
                    )
                    terms.append(f"{weight}*tapdelay{taps}")
                elif kind == "IW" and layer.function != "dotprod":
                    self.used[f"z = {layer.function}_apply(w,p{self._pick('', ',~')})"] = WEIGHT[layer.function]
                    lines.append(f"z{number} = {layer.function}_apply({weight},{source[other]});")
                    terms.append(f"z{number}")
                else:
                    terms.append(f"{weight}*{source[other] if kind == 'IW' else f'a{other}'}")
        if layer.bias:
            self.constants.append(f"b{number} = {self._matrix(layer.size, 1)};")
        self.constants += [f"{weight} = {self._matrix(layer.size, width)};" for weight, width in columns.items()]
        total = " + ".join(terms)
        if layer.transfer != "purelin":
            head = f"a = {layer.transfer}_apply(n{self._pick('', ',~')})"
            known = [key for key in self.used if key.startswith(f"a = {layer.transfer}_apply(")]
            if not known:
                self.used[head] = self._pick(*TRANSFER[layer.transfer])
            total = f"{layer.transfer}_apply({total})"
        ringed = number in self.layer_rings
        self.direct[number] = ringed and self._pick(False, True)
        if self.direct[number]:
            lines.append(f"{self._slot(number)} = {total};")
        else:
            lines.append(f"a{number} = {total};")
            if ringed:
                lines.append(f"{self._slot(number)} = a{number};")
        return lines

    def _joined(self, before: list[str], inside: list[str], after: list[str]) -> str:
        count, looped = len(self.sizes), self.cells or self.dynamic
        axis = 1 if self.rows else 2
        if self.cells:
            states = ("Xi" if self.input_delay else "~", "Ai" if self.layer_delay else "~")
            head = f"function [Y,Xf,Af] = f(X,{states[0]},{states[1]})"
            sizes = ["isCellX = iscell(X);", "if ~isCellX, X = {X}; end", "TS = size(X,2); % timesteps"]
            if self.input_delay and self._pick(True, False):
                sizes.insert(2, "if (nargin < 2), error('Initial input states Xi argument needed.'); end")
            sizes += ["if ~isempty(X)", f"Q = size(X{{1}},{axis}); % samples/series"]
            for name in states:
                if name != "~":
                    sizes += [f"elseif ~isempty({name})", f"Q = size({name}{{1}},2);"]
            sizes += ["else", "Q = 0;", "end"]
            if self.layer_delay and self._pick(True, False):
                sizes += ["if (nargin < 3) || isempty(Ai)", f"Ai = cell({len(self.layers)},{self.layer_delay});"]
                sizes += [f"for ts=1:{self.layer_delay}"]
                sizes += [f"Ai{{{k},ts}} = zeros({layer.size},Q);" for k, layer in enumerate(self.layers, start=1)]
                sizes += ["end", "end"]
            sizes_after = [f"Y = cell({len(self.outputs)},TS);"]
            after = [*after, "if ~isCellX, Y = cell2mat(Y); end"]
        else:
            xi = [f"i{k}" for k in sorted(self.rings)]
            given = [f"x{k}" for k in range(1, count + 1)] + [f"x{k}" for k in xi]
            given += [f"ai{k}" for k in sorted(self.layer_rings)]
            results = [f"y{k}" for k in range(1, len(self.outputs) + 1)]
            results += [f"af{k}" for k in sorted(self.layer_rings)]
            head = f"function [{','.join(results)}] = f({','.join(given)})"
            counted = "TS" if looped else "Q"
            sizes = [f"{counted} = size(x1,{axis}); % samples"]
            sizes_after = []
            if looped:
                sizes_after = [f"y{k} = zeros({size},TS);" for k, size in enumerate(self.raw_outputs, start=1)]
        loop = ["for ts=1:TS", *(f"    {line}" for line in inside), "end"] if looped else inside
        comments = ["%F neural network simulation function.", "% Auto-generated by MATLAB, 14-Mar-2021 09:26:53."]
        comments += [
            f"%   x{k} = {f'Qx{raw}' if self.rows else f'{raw}xQ'} matrix, input #{k}"
            for k, raw in enumerate(self.raw, 1)
        ]
        return "\n".join([head, *comments, *self.constants, *sizes, *before, *sizes_after, *loop, *after])

    # the question

    def _question(self, text: str) -> Made:
        steps, total = STEPS, sum(self.raw)
        x = self.rng.normal(size=(steps, total))
        xi = self.rng.normal(size=(self.input_delay, total))
        ai = self.rng.uniform(-0.8, 0.8, (self.layer_delay, sum(layer.size for layer in self.layers)))
        turn = "'" if self.rows else ""
        starts = np.cumsum([0, *self.raw])
        layer_starts = np.cumsum([0, *(layer.size for layer in self.layers)])
        outputs = len(self.outputs)

        def part(array: Matrix, at: NDArray[np.int64], k: int) -> str:
            return literal(array[:, at[k - 1] : at[k]])

        if self.cells:
            inputs = [f"num2cell({part(x, starts, k)},1)" for k in range(1, len(self.sizes) + 1)]
            states = [f"num2cell({part(xi, starts, k)},1)" for k in range(1, len(self.sizes) + 1)]
            layers = [f"num2cell({part(ai, layer_starts, k)},1)" for k in range(1, len(self.layers) + 1)]
            lines = [f"X = [{';'.join(inputs)}];" if inputs else f"X = cell(1,{steps});"]
            if not inputs:
                lines.append(f"for k=1:{steps}, X{{k}} = zeros(1,1); end;")
            if self.rows:
                lines.append("X = cellfun(@(e) e', X, 'UniformOutput', false);")
            lines.append(f"Xi = [{';'.join(states)}];" if self.input_delay else "Xi = {};")
            lines.append(f"Ai = [{';'.join(layers)}];" if self.layer_delay else "Ai = {};")
            lines.append("Y = f(X,Xi,Ai);")
            if self.rows:
                lines.append("Y = cellfun(@(e) e', Y, 'UniformOutput', false);")
            lines.append("y = cell2mat(Y);")
        else:
            given = [part(x, starts, k) + turn for k in range(1, len(self.sizes) + 1)]
            given += [part(xi, starts, k) for k in sorted(self.rings)]
            given += [part(ai, layer_starts, k) for k in sorted(self.layer_rings)]
            names = ",".join(f"y{k}" for k in range(1, outputs + 1))
            stacked = ";".join(f"y{k}{turn}" for k in range(1, outputs + 1))
            lines = [f"[{names}] = f({','.join(given)});", f"y = [{stacked}];"]
        return Made(text, "\n".join(lines), x, xi, ai, self.dynamic)


def literal(x: Matrix) -> str:
    """A matrix whose rows are samples as MATLAB text whose columns are."""
    if not x.size:
        return f"zeros({x.shape[1]},{x.shape[0]})"
    return f"[{';'.join(' '.join(map(repr, row)) for row in x.T.tolist())}]"


def made(seed: int) -> Made:
    """The file of a seed."""
    return Maker(seed).made()
