/*
 * The page's own script. It is given `data`, which matnet/explore/subject.py describes, and `network`, the functions of
 * the module that is printed above it: value(x) -> y and slopes(x) -> { y, dydx }, or those of a step of a dynamic
 * network. It comes after pictures.js and course.js. All elements are made here; nothing is fetched.
 */
function explore(data, network) {
    const FEW = 12; // inputs that are all shown, in the file's order
    const CURVES = 12; // response curves at once
    const LAGS = 6; // inputs whose derivatives are drawn for each lag
    const PIXELS = 200; // of the contour along each side
    const PATIENCE = 100; // milliseconds for the curves, and for the contour

    const root = document.getElementById("explore");
    const model = data.series ? new Course(data.series, network) : network;
    const state = {
        x: data.series ? model.inputs().slice() : data.inputs.map((input) => input.start),
        of: 0,
        scaled: data.inputs.every((input) => input.width > 0) && data.outputs.every((output) => output.width > 0),
        row: -1,
        pair: [0, 1],
        order: data.inputs.map((_, j) => j),
        top: data.inputs.length > FEW ? 10 : Infinity,
        search: "",
        threshold: 0.5,
        found: null,
    };

    const cost = timed(() => model.value(state.x));
    const within = (most, least) => Math.round(Math.max(least, Math.min(most, PATIENCE / cost)));
    // steps need more points than slopes do, a large network gets fewer
    const POINTS = 1 + Math.floor(within(CURVES * (data.flat ? 400 : 60), CURVES * 30) / CURVES); // points of a curve
    const GRID = Math.floor(Math.sqrt(within((data.flat ? 100 : 32) ** 2, 12 ** 2))); // cells along each side

    /* elements */

    function make(tag, attributes, ...children) {
        const made = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes || {})) {
            if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
            else if (name in made && typeof value !== "string") made[name] = value;
            else made.setAttribute(name, value);
        }
        made.append(...children);
        return made;
    }

    function show(element, value, digits) {
        element.value = String(value);
        element.textContent = number(value, digits);
    }

    const withUnit = (entry) => (entry.unit ? `${entry.name} [${entry.unit}]` : entry.name);

    /* numbers */

    function limits(j) {
        const input = data.inputs[j];
        const x = state.x[j];
        if (!Number.isFinite(x)) return [input.from, input.to];
        return [Math.min(input.from, x), Math.max(input.to, x)];
    }

    const outside = (j) =>
        data.inputs[j].low !== null && (state.x[j] < data.inputs[j].low || state.x[j] > data.inputs[j].high);

    const scaled = (found, j) => (state.scaled ? (found * data.inputs[j].width) / data.outputs[state.of].width : found);
    const slope = (j) => scaled(state.found.dydx[state.of][j], j);

    function strength(j) {
        const found = Math.abs(
            state.found.dydx[state.of][j] * (data.inputs[j].width || data.inputs[j].to - data.inputs[j].from),
        );
        return Number.isNaN(found) ? -1 : found;
    }

    const ranked = () => data.inputs.map((_, j) => j).sort((a, b) => strength(b) - strength(a) || a - b);

    /** A value that a slider or a finger gives, to about a thousandth of the slider's length: short to copy. */
    function rounded(value, j) {
        const step = 10 ** Math.floor(Math.log10((data.inputs[j].to - data.inputs[j].from) / 1000));
        return Number((Math.round(value / step) * step).toPrecision(12));
    }

    function moved(changes) {
        const x = state.x.slice();
        for (const [j, value] of changes) x[j] = value;
        return x;
    }

    /* the parts of the page */

    const parts = {
        warning: make("p", { class: "warning", role: "status" }),
        outputs: make("div", { class: "outputs" }),
        inputs: make("div", { class: "inputs" }),
        curves: make("div", { class: "curves" }),
        meaning: make("p", { class: "note" }),
        hidden: make("p", { class: "note" }),
    };
    const outputs = data.outputs.map(outputRow);
    const inputs = data.inputs.map(inputRow);
    const verdict = make("p", { class: "verdict", role: "status" });
    const contour = data.inputs.length > 1 ? contourPanel() : null;
    const plot = data.series ? seriesPanel() : null;
    const copies = data.call ? data.call.map(copyPanel) : [];

    function outputRow(output, i) {
        const y = make("data", { class: "y", "data-output": String(i) });
        const choice = make("input", {
            type: "radio",
            name: "explore-of",
            value: String(i),
            checked: i === 0,
            onchange: () => {
                state.of = i;
                if (state.top < Infinity) state.order = ranked();
                arrange();
                refresh();
            },
        });
        const target = make("span", { class: "target" });
        const bar = make("span", { class: "score" });
        const label = make("label", {}, choice, make("span", { class: "name" }, output.name));
        const row = make(
            "div",
            { class: "output" },
            label,
            make("span", {}, y, output.unit ? ` ${output.unit}` : ""),
            target,
        );
        if (data.classes) row.append(make("span", { class: "scores", "aria-hidden": "true" }, bar));
        parts.outputs.append(row);
        return { row, choice, y, target, bar };
    }

    function inputRow(input, j) {
        const name = withUnit(input);
        const slider = make("input", {
            type: "range",
            min: String(input.from),
            max: String(input.to),
            step: "any",
            "aria-label": name,
            oninput: () => set(j, rounded(Number(slider.value), j)),
        });
        const field = make("input", {
            type: "number",
            step: "any",
            "aria-label": `${name}, as a number`,
            onchange: () => {
                if (field.value !== "" && Number.isFinite(field.valueAsNumber)) set(j, field.valueAsNumber);
                else refresh();
            },
        });
        const track = make("div", { class: "track", "aria-hidden": "true" });
        if (input.low !== null) {
            const place = (value) => `${(100 * (value - input.from)) / (input.to - input.from)}%`;
            const range = make("span", { class: "range" });
            range.style.left = place(input.low);
            range.style.right = `calc(100% - ${place(input.high)})`;
            const ends = [input.low, input.high].map((value) => {
                const tick = make("span", { class: "tick" }, number(value, 4));
                tick.style.left = place(value);
                return tick;
            });
            track.append(range, ...(input.low < input.high ? ends : ends.slice(0, 1)));
        }
        const bar = make("span", { class: "bar" });
        const value = make("data", { class: "slope", "data-input": String(j) });
        const row = make(
            "div",
            { class: "input" },
            make("span", { class: "name", title: name }, name),
            make("div", { class: "slider" }, track, slider),
            field,
            make("span", { class: "bars", "aria-hidden": "true" }, bar),
            value,
        );
        return { row, slider, field, bar, value };
    }

    function choose(label, options, chosen, change) {
        const list = make("select", { onchange: () => change(list.value) });
        for (const [value, text] of options) list.append(make("option", { value, selected: value === chosen }, text));
        return make("label", { class: "choice" }, `${label} `, list);
    }

    function button(text, press, attributes) {
        return make("button", { type: "button", onclick: press, ...attributes }, text);
    }

    function toolbar() {
        const bar = make("div", { class: "tools" });
        if (data.rows) bar.append(rowChooser());
        const known = data.inputs.every((input) => input.width > 0) && data.outputs.every((output) => output.width > 0);
        if (!data.flat && data.inputs.length) {
            const units = [
                ["scaled", "shares of the ranges"],
                ["real", "real units"],
            ].slice(known ? 0 : 1);
            bar.append(
                choose("Derivatives in", units, state.scaled ? "scaled" : "real", (unit) => {
                    state.scaled = unit === "scaled";
                    refresh();
                }),
            );
        }
        if (data.inputs.length > FEW) {
            const search = make("input", {
                type: "search",
                placeholder: "part of a name",
                oninput: () => {
                    state.search = search.value.trim().toLowerCase();
                    arrange();
                    refresh();
                },
            });
            const counts = [10, 25, 50]
                .filter((count) => count < data.inputs.length)
                .map((count) => [String(count), `the ${count} strongest`]);
            bar.append(
                make("label", { class: "choice" }, "Find an input ", search),
                choose("Show", [...counts, ["Infinity", "all, in order"]], "10", (count) => {
                    state.top = Number(count);
                    rank();
                }),
                button("Rank again here", rank, { class: "rank" }),
            );
        }
        bar.append(button("Back to the start", restart, { class: "reset" }));
        return bar;
    }

    function rank() {
        state.order = state.top < Infinity ? ranked() : data.inputs.map((_, j) => j);
        arrange();
        refresh();
    }

    function restart() {
        state.row = -1;
        if (data.series) model.restart();
        state.x = data.series ? model.inputs().slice() : data.inputs.map((input) => input.start);
        refresh();
    }

    let rowField = null;

    function rowChooser() {
        const { numbers, count, of } = data.rows;
        const snap = (place) => {
            state.row = Math.max(0, Math.min(numbers.length - 1, place));
            state.x = data.rows.x[state.row].slice();
            refresh();
        };
        const nearest = (wanted) =>
            numbers.reduce(
                (best, row, place) => (Math.abs(row - wanted) < Math.abs(numbers[best] - wanted) ? place : best),
                0,
            );
        rowField = make("input", {
            type: "number",
            min: "1",
            max: String(count),
            step: "1",
            placeholder: "–",
            "aria-label": `row of ${of}`,
            onchange: () => {
                if (Number.isFinite(rowField.valueAsNumber)) snap(nearest(rowField.valueAsNumber));
            },
        });
        const part = numbers.length < count ? `, ${numbers.length.toLocaleString("en")} of them here` : "";
        return make(
            "span",
            { class: "choice rows" },
            "Row ",
            button("‹", () => snap(state.row < 0 ? numbers.length - 1 : state.row - 1), {
                "aria-label": "previous row",
            }),
            rowField,
            button("›", () => snap(state.row + 1), { "aria-label": "next row" }),
            ` of ${count.toLocaleString("en")} in ${of}${part}`,
        );
    }

    function classTools() {
        if (!data.classes) return [];
        const words = make("data", { class: "threshold" });
        const slider = make("input", {
            type: "range",
            min: "0",
            max: "1",
            step: "0.01",
            value: "0.5",
            "aria-label": "threshold",
            oninput: () => {
                state.threshold = data.classes.from + Number(slider.value) * (data.classes.to - data.classes.from);
                show(words, state.threshold, 3);
                refresh();
            },
        });
        state.threshold = (data.classes.from + data.classes.to) / 2;
        show(words, state.threshold, 3);
        return [verdict, make("label", { class: "choice" }, "Threshold ", slider, words)];
    }

    function copyPanel(call) {
        const text = make("pre", { class: "code", tabindex: "0" });
        const press = button(
            "Copy",
            async () => {
                await copy(text);
                press.textContent = "Copied";
                setTimeout(() => {
                    press.textContent = "Copy";
                }, 1500);
            },
            { "aria-label": `copy as ${call.kind}` },
        );
        return { call, text, row: make("div", { class: "copy" }, make("h4", {}, call.kind, press), text) };
    }

    async function copy(element) {
        try {
            await navigator.clipboard.writeText(element.textContent);
        } catch {
            // a page opened from a file may not use the clipboard without being asked
            getSelection().selectAllChildren(element);
            document.execCommand("copy");
        }
    }

    /* what is shown, and in which order */

    function visible() {
        const found = state.order.filter((j) => withUnit(data.inputs[j]).toLowerCase().includes(state.search));
        return state.search ? found : found.slice(0, state.top);
    }

    function arrange() {
        const listed = visible();
        parts.inputs.replaceChildren(...listed.map((j) => inputs[j].row));
        const left = data.inputs.length - listed.length;
        parts.hidden.textContent = left ? `${left.toLocaleString("en")} more inputs are not shown.` : "";
        const curves = listed.slice(0, CURVES);
        parts.curves.replaceChildren(...curves.map((j) => curve(j).figure));
    }

    /* changes */

    function set(j, value) {
        state.row = -1;
        state.x[j] = value;
        refresh();
    }

    function compute() {
        state.found =
            data.flat || !data.inputs.length
                ? { y: model.value(state.x), dydx: data.outputs.map(() => data.inputs.map(() => 0)) }
                : model.slopes(state.x);
    }

    let pending = 0;

    function refresh() {
        if (data.series) model.change(state.x);
        compute();
        showOutputs();
        showInputs();
        showCopies();
        cancelAnimationFrame(pending);
        pending = requestAnimationFrame(draw);
    }

    function showOutputs() {
        const { y } = state.found;
        const target = state.row >= 0 && data.rows.t ? data.rows.t[state.row] : null;
        const best = y.indexOf(Math.max(...y));
        outputs.forEach((output, i) => {
            show(output.y, y[i]);
            output.target.textContent = target
                ? `target ${number(target[i])}, error ${number(target[i] - y[i], 3)}`
                : "";
            output.row.classList.toggle("chosen", i === state.of);
            if (!data.classes) return;
            const { from, to, names } = data.classes;
            output.bar.style.width = `${Math.max(0, Math.min(1, (y[i] - from) / (to - from))) * 100}%`;
            output.row.classList.toggle("winner", names ? false : i === best && y[i] >= state.threshold);
        });
        if (data.classes) verdict.textContent = classWords(y, best);
    }

    function classWords(y, best) {
        const { names } = data.classes;
        const limit = number(state.threshold, 3);
        if (y.some(Number.isNaN)) return "Class: not known, an output is NaN";
        if (names) return `Class: ${names[y[0] >= state.threshold ? 1 : 0]} (threshold ${limit})`;
        const winner = `${data.outputs[best].name} (${number(y[best])})`;
        return y[best] >= state.threshold
            ? `Class: ${winner}`
            : `Class: none reaches the threshold ${limit}; highest is ${winner}`;
    }

    function showInputs() {
        const listed = visible();
        const y = data.outputs[state.of].name;
        const unit = state.scaled
            ? `shares of the ranges: at 1, ${y} would move by its whole range if this slope held over that of the input`
            : "real units";
        const meaning = `Bars: the derivative of ${y} with respect to each input, in ${unit}.`;
        parts.meaning.textContent = data.flat ? "" : meaning;
        const sizes = listed.map((j) => Math.abs(slope(j))).filter(Number.isFinite);
        const largest = Math.max(...sizes, 0) || 1;
        for (const j of listed) {
            const { row, slider, field, bar, value } = inputs[j];
            if (document.activeElement !== slider || Number(slider.value) !== state.x[j])
                slider.value = String(state.x[j]);
            if (document.activeElement !== field)
                field.value = Number.isFinite(state.x[j]) ? String(Number(state.x[j].toPrecision(7))) : "";
            field.title = field.placeholder = String(state.x[j]);
            row.classList.toggle("outside", outside(j));
            const found = slope(j);
            show(value, found, 4);
            const share = Number.isFinite(found) ? (50 * Math.abs(found)) / largest : 0;
            bar.style.width = `${share}%`;
            bar.style.left = found < 0 ? `${50 - share}%` : "50%";
            bar.classList.toggle("negative", found < 0);
        }
        if (rowField) rowField.value = state.row < 0 ? "" : String(data.rows.numbers[state.row]);
        const out = data.inputs.map((_, j) => j).filter(outside);
        const names =
            out
                .slice(0, 5)
                .map((j) => data.inputs[j].name)
                .join(", ") + (out.length > 5 ? ` and ${out.length - 5} more` : "");
        parts.warning.textContent = out.length ? `${names}: outside the known range; the network extrapolates.` : "";
    }

    function showCopies() {
        const plain = (value) => String(value).replace("Infinity", "inf").replace("NaN", "nan");
        const literal = (value) => (Number.isFinite(value) ? String(value) : `float("${plain(value)}")`);
        const list = (row) => `[${row.map(literal).join(", ")}]`;
        for (const { call, text } of copies) {
            let point = "";
            if (call.kind !== "Python") point = state.x.map(plain).join(",");
            else if (!data.series) point = `x = ${list(state.x)}`;
            else if (data.inputs.length) point = `x = [\n    ${model.series().map(list).join(",\n    ")},\n]`;
            text.textContent = call.before + point + call.after;
        }
    }

    /* pictures */

    /** A picture's size, and where the area of its plot lies in it. */
    const CURVE = { width: 340, height: 210, left: 56, top: 8, across: 274, up: 168 };
    const curvesMade = new Map();

    function curve(j) {
        if (curvesMade.has(j)) return curvesMade.get(j);
        const svg = document.createElementNS(SVG, "svg");
        svg.setAttribute("role", "img");
        const made = { svg, figure: make("figure", { class: "curve" }, svg), limits: limits(j) };
        dragged(
            svg,
            () => CURVE,
            (u) => set(j, rounded(made.limits[0] + u * (made.limits[1] - made.limits[0]), j)),
        );
        curvesMade.set(j, made);
        return made;
    }

    function draw() {
        if (plot) plot.draw();
        const shown = visible().slice(0, CURVES);
        const i = state.of;
        const lines = shown.map((j) => {
            const [low, high] = limits(j);
            const along = Array.from({ length: POINTS }, (_, k) => low + ((high - low) * k) / (POINTS - 1));
            return along.map((value) => [value, model.value(moved([[j, value]]))[i]]);
        });
        const ys = ends([state.found.y[i], ...lines.flat().map((point) => point[1])]);
        shown.forEach((j, place) => {
            const made = curve(j);
            const input = data.inputs[j];
            made.limits = limits(j);
            const { inner, px, py } = frame(
                made.svg,
                CURVE,
                made.limits,
                ys,
                withUnit(input),
                withUnit(data.outputs[i]),
            );
            if (input.low !== null) {
                shape(inner, "rect", {
                    class: "range",
                    x: px(input.low),
                    y: 0,
                    width: Math.max(1, px(input.high) - px(input.low)),
                    height: CURVE.up,
                });
            }
            line(
                inner,
                "curve",
                lines[place].map(([a, b]) => [px(a), py(b)]),
            );
            const x = state.x[j],
                y = state.found.y[i],
                dydx = state.found.dydx[i][j];
            if (!data.flat)
                line(
                    inner,
                    "tangent",
                    made.limits.map((end) => [px(end), py(y + dydx * (end - x))]),
                );
            line(inner, "here", [
                [px(x), 0],
                [px(x), CURVE.up],
            ]);
            if (Number.isFinite(px(x) + py(y)))
                shape(inner, "circle", { class: "point", cx: px(x), cy: py(y), r: 4.5 });
            made.svg.setAttribute(
                "aria-label",
                `${data.outputs[i].name} along ${input.name}; slope ${number(dydx, 4)} at ${number(x)}`,
            );
        });
        if (contour) contour.draw();
    }

    function contourPanel() {
        const width = 420,
            height = 340,
            left = 62,
            top = 10,
            across = 270,
            up = 280;
        const svg = document.createElementNS(SVG, "svg");
        svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        svg.setAttribute("role", "img");
        const canvas = make("canvas", { width: PIXELS, height: PIXELS, "aria-hidden": "true" });
        Object.assign(canvas.style, {
            left: `${(100 * left) / width}%`,
            top: `${(100 * top) / height}%`,
            width: `${(100 * across) / width}%`,
            height: `${(100 * up) / height}%`,
        });
        const words = make("figcaption", {});
        const pick = (place) => {
            const list = make("select", {
                "aria-label": place ? "input upwards" : "input across",
                onchange: () => {
                    const j = Number(list.value);
                    if (state.pair[1 - place] === j) state.pair[1 - place] = state.pair[place];
                    state.pair[place] = j;
                    draw();
                },
            });
            data.inputs.forEach((input, j) => list.append(make("option", { value: String(j) }, input.name)));
            return list;
        };
        const lists = [pick(0), pick(1)];
        dragged(
            svg,
            () => ({ width, height, left, top, across, up }),
            (u, v) => {
                const [[a, b], [c, d]] = state.pair.map(limits);
                state.row = -1;
                state.x[state.pair[0]] = rounded(a + u * (b - a), state.pair[0]);
                state.x[state.pair[1]] = rounded(c + v * (d - c), state.pair[1]);
                refresh();
            },
        );

        /** Bands of colour between the levels, from a grid of values by bilinear interpolation. */
        function paint(grid, levels) {
            const context = canvas.getContext("2d");
            const picture = context.createImageData(PIXELS, PIXELS);
            const colours = bandColours(levels);
            for (let r = 0; r < PIXELS; r++) {
                for (let c = 0; c < PIXELS; c++) {
                    const u = (c / (PIXELS - 1)) * GRID,
                        v = (1 - r / (PIXELS - 1)) * GRID;
                    const a = Math.min(GRID - 1, Math.floor(u)),
                        b = Math.min(GRID - 1, Math.floor(v));
                    const [p, q] = data.flat ? [Math.round(u - a), Math.round(v - b)] : [u - a, v - b];
                    const value =
                        (grid[b][a] * (1 - p) + grid[b][a + 1] * p) * (1 - q) +
                        (grid[b + 1][a] * (1 - p) + grid[b + 1][a + 1] * p) * q;
                    if (!Number.isFinite(value)) continue; // stays transparent
                    let band = 0;
                    while (band < levels.length && value >= levels[band]) band++;
                    picture.data.set(colours[band], 4 * (r * PIXELS + c));
                }
            }
            context.putImageData(picture, 0, 0);
        }

        const bandColours = (levels) =>
            Array.from({ length: levels.length + 1 }, (_, band) => [
                ...colour(levels.length ? band / levels.length : 0.5),
                255,
            ]);

        function drawAxes([a, b], [c, d], px, py) {
            const [first, second] = state.pair.map((j) => withUnit(data.inputs[j]));
            for (const value of ticks(a, b, 5)) {
                shape(
                    svg,
                    "text",
                    { class: "tick", x: left + px(value), y: top + up + 15, "text-anchor": "middle" },
                    number(value, 4),
                );
            }
            for (const value of ticks(c, d, 5)) {
                shape(
                    svg,
                    "text",
                    { class: "tick", x: left - 5, y: top + py(value) + 4, "text-anchor": "end" },
                    number(value, 4),
                );
            }
            shape(
                svg,
                "text",
                { class: "label", x: left + across / 2, y: height - 8, "text-anchor": "middle" },
                short(first),
            );
            shape(
                svg,
                "text",
                {
                    class: "label",
                    x: 12,
                    y: top + up / 2,
                    "text-anchor": "middle",
                    transform: `rotate(-90 12 ${top + up / 2})`,
                },
                short(second),
            );
        }

        function drawKey(levels) {
            const high = up / (levels.length + 1);
            bandColours(levels).forEach(([r, g, b], band) => {
                const y = top + up - (band + 1) * high;
                shape(svg, "rect", {
                    x: left + across + 14,
                    y,
                    width: 14,
                    height: high + 0.5,
                    fill: `rgb(${r} ${g} ${b})`,
                });
                if (band)
                    shape(
                        svg,
                        "text",
                        { class: "tick", x: left + across + 32, y: y + high + 4 },
                        number(levels[band - 1], 4),
                    );
            });
        }

        function drawPoint(inner, px, py, sloping) {
            const [j, k] = state.pair,
                i = state.of;
            if (data.rows && data.rows.x.length <= 400) {
                for (const row of data.rows.x) {
                    if (Number.isFinite(row[j] + row[k]))
                        shape(inner, "circle", { class: "row", cx: px(row[j]), cy: py(row[k]), r: 1.6 });
                }
            }
            const [x, y] = [px(state.x[j]), py(state.x[k])];
            if (!Number.isFinite(x + y)) return;
            const [[a, b], [c, d]] = state.pair.map(limits);
            const slopes = [state.found.dydx[i][j] * (b - a), state.found.dydx[i][k] * (d - c)];
            const size = Math.hypot(...slopes);
            if (sloping && size > 0 && Number.isFinite(size)) {
                const [u, v] = [slopes[0] / size, -slopes[1] / size];
                const end = [x + 46 * u, y + 46 * v];
                const head = [
                    [-9, 5],
                    [-9, -5],
                ].map(([l, s]) => `${end[0] + l * u - s * v} ${end[1] + l * v + s * u}`);
                for (const cls of ["arrow edge", "arrow"]) {
                    shape(inner, "path", {
                        class: cls,
                        d: `M${x} ${y}L${end.join(" ")}M${head[0]}L${end.join(" ")}L${head[1]}`,
                    });
                }
            }
            shape(inner, "circle", { class: "point", cx: x, cy: y, r: 5 });
        }

        function drawContour() {
            const [j, k] = state.pair,
                i = state.of;
            lists.forEach((list, place) => {
                list.value = String(state.pair[place]);
            });
            const [[a, b], [c, d]] = state.pair.map(limits);
            const grid = Array.from({ length: GRID + 1 }, (_, r) =>
                Array.from(
                    { length: GRID + 1 },
                    (_, q) =>
                        model.value(
                            moved([
                                [j, a + ((b - a) * q) / GRID],
                                [k, c + ((d - c) * r) / GRID],
                            ]),
                        )[i],
                ),
            );
            const known = grid.flat().filter(Number.isFinite);
            const low = Math.min(...known),
                high = Math.max(...known);
            const levels =
                known.length && high - low > 1e-12 * Math.max(Math.abs(low), Math.abs(high))
                    ? ticks(low, high, 9).filter((level) => level > low && level < high)
                    : [];
            paint(grid, levels);
            svg.replaceChildren();
            const px = (value) => ((value - a) / (b - a)) * across,
                py = (value) => (1 - (value - c) / (d - c)) * up;
            drawAxes([a, b], [c, d], px, py);
            if (levels.length) drawKey(levels);
            drawPoint(
                shape(svg, "svg", { x: left, y: top, width: across, height: up, overflow: "hidden" }),
                px,
                py,
                levels.length > 0,
            );
            const y = data.outputs[i].name,
                names = state.pair.map((input) => data.inputs[input].name);
            const slopes = state.pair.map(
                (input, place) => `∂${y}/∂${names[place]} = ${number(state.found.dydx[i][input], 4)}`,
            );
            const about = !levels.length
                ? ` ${y} is constant here.`
                : data.flat
                  ? ""
                  : " The arrow points where it rises fastest, each input measured by the width of its axis.";
            words.textContent =
                `${withUnit(data.outputs[i])}.${about}${data.flat ? "" : ` ${slopes.join(", ")}.`}` +
                (data.rows && data.rows.x.length <= 400 ? " Dots: rows of the table." : "");
            svg.setAttribute("aria-label", `${y} over ${names.join(" and ")}; ${slopes.join(", ")}`);
        }

        const picture = make("div", { class: "picture" }, canvas, svg);
        const choice = make(
            "p",
            { class: "tools" },
            make("label", { class: "choice" }, "Across ", lists[0]),
            make("label", { class: "choice" }, "Up ", lists[1]),
        );
        return { figure: make("figure", { class: "contour" }, choice, picture, words), draw: drawContour };
    }

    /* time */

    function seriesPanel() {
        const steps = data.series.x.length;
        const svg = document.createElementNS(SVG, "svg");
        svg.setAttribute("role", "img");
        const lags = document.createElementNS(SVG, "svg");
        lags.setAttribute("role", "img");
        const place = () => {
            const width = Math.max(320, Math.round(svg.clientWidth));
            return { width, height: 240, left: 56, top: 8, across: width - 66, up: 198 };
        };
        const words = { time: make("data", { class: "time" }), lag: make("data", { class: "lag" }) };
        const slide = (name, low, high) =>
            make("input", {
                type: "range",
                min: String(low),
                max: String(high),
                step: "1",
                "aria-label": name,
                oninput: go,
            });
        const time = slide("step t", 1, steps),
            lag = slide("lag", 0, data.series.lags);
        const start = Math.ceil(0.6 * steps);
        dragged(svg, place, (u) => {
            time.value = String(Math.round(1 + u * (steps - 1)));
            go();
        });
        time.value = String(start);
        model.look(start - 1, data.inputs.length ? strongestLag(start - 1) : 0);
        lag.value = String(model.lag);
        state.x = model.inputs().slice();

        /** The lag at which the inputs have most effect on the outputs. */
        function strongestLag(at) {
            model.look(at, 0);
            const sizes = model
                .slopes()
                .profile.map((slopes) =>
                    slopes.reduce((sum, row) => row.reduce((part, value) => part + (Math.abs(value) || 0), sum), 0),
                );
            return sizes.indexOf(Math.max(...sizes));
        }

        function go() {
            model.look(Number(time.value) - 1, Number(lag.value));
            state.x = model.inputs().slice();
            refresh();
        }

        function labels() {
            time.value = String(model.time + 1);
            lag.value = String(model.lag);
            show(words.time, model.time + 1);
            show(words.lag, model.lag);
        }

        function drawSeries() {
            const i = state.of,
                at = place();
            const [before, now] = [model.first, model.outputs()].map((rows) => rows.map((y) => y[i]));
            const targets = data.series.t ? data.series.t.map((row) => row[i]) : [];
            const xs = steps > 1 ? [1, steps] : [0.5, 1.5];
            const { inner, px, py } = frame(
                svg,
                at,
                xs,
                ends([...before, ...now, ...targets]),
                "step",
                withUnit(data.outputs[i]),
            );
            const source = model.time - model.lag;
            line(
                inner,
                "before",
                before.map((y, k) => [px(k + 1), py(y)]),
            );
            line(
                inner,
                "curve",
                now.map((y, k) => [px(k + 1), py(y)]),
            );
            targets.forEach((t, k) => {
                if (Number.isFinite(t)) shape(inner, "circle", { class: "target", cx: px(k + 1), cy: py(t), r: 1.8 });
            });
            line(inner, "here", [
                [px(model.time + 1), 0],
                [px(model.time + 1), at.up],
            ]);
            if (data.inputs.length)
                line(inner, "tangent", [
                    [px(source + 1), 0],
                    [px(source + 1), at.up],
                ]);
            if (Number.isFinite(now[model.time]))
                shape(inner, "circle", { class: "point", cx: px(model.time + 1), cy: py(now[model.time]), r: 5 });
            svg.setAttribute(
                "aria-label",
                `${data.outputs[i].name} over ${steps} steps; at step ${model.time + 1}: ${number(now[model.time])}`,
            );
        }

        /** The derivative of the output at t with respect to an input at t − k, for every lag k. */
        function drawLags() {
            const shown = visible().slice(0, LAGS),
                i = state.of;
            const sizes = state.found.profile.map((slopes) =>
                Math.max(0, ...shown.map((j) => Math.abs(slopes[i][j]) || 0)),
            );
            const last = sizes.findLastIndex((size) => size > 1e-3 * Math.max(...sizes));
            const profile = state.found.profile.slice(0, Math.max(11, last + 3, model.lag + 2));
            const at = { ...place(), height: 190, up: 146 };
            const values = shown.map((j) => profile.map((slopes) => scaled(slopes[i][j], j)));
            const { inner, px, py } = frame(
                lags,
                at,
                [-0.5, profile.length - 0.5],
                ends([0, ...values.flat()]),
                "lag k",
                "∂y(t)/∂x(t − k)",
            );
            const wide = ((px(1) - px(0)) * 0.8) / shown.length;
            values.forEach((row, place) =>
                row.forEach((value, k) => {
                    if (!Number.isFinite(value)) return;
                    const fade = k === model.lag ? 1 : 0.55;
                    shape(inner, "rect", {
                        class: `lag${place}`,
                        opacity: fade,
                        x: px(k - 0.4) + place * wide,
                        width: Math.max(wide, 0.5),
                        y: Math.min(py(0), py(value)),
                        height: Math.abs(py(value) - py(0)),
                    });
                }),
            );
            line(inner, "here", [
                [0, py(0)],
                [at.across, py(0)],
            ]);
            key.replaceChildren(
                ...shown.map((j, place) => make("span", { class: `key lag${place}` }, data.inputs[j].name)),
            );
            lags.setAttribute("aria-label", `the derivative of ${data.outputs[i].name} at each lag`);
        }

        const key = make("p", { class: "keys" });
        const tools = make("p", { class: "tools" }, make("label", { class: "choice" }, "Step t ", time, words.time));
        if (data.inputs.length) tools.append(make("label", { class: "choice" }, "Lag ", lag, words.lag));
        const { count, first } = data.series;
        const before = first > 1 ? `the rows before: step 1 is row ${first} of the table` : data.series.start;
        const given =
            count > steps
                ? `The first ${steps.toLocaleString("en")} of ${count.toLocaleString("en")} steps. `
                : count || !data.inputs.length
                  ? ""
                  : "No series was given: the inputs stay at the middle of their ranges. ";
        const moves = data.inputs.length ? "; thin: before you moved an input" : "";
        const dashed = data.inputs.length
            ? "Dashed line: the step t − lag, at which the sliders move the inputs. "
            : "";
        const about =
            `${given}Solid: the output, starting from ${before}${moves}${data.series.t ? "; dots: targets" : ""}. ` +
            `${dashed}Drag to move t.`;
        const parts = [tools, svg, make("figcaption", {}, about)];
        if (data.inputs.length)
            parts.push(
                make("h3", {}, "Memory"),
                make("p", { class: "note" }, "How the output at t changes with each input k steps before."),
                lags,
                key,
            );
        return {
            figure: make("figure", { class: "series" }, ...parts),
            draw: () => {
                labels();
                drawSeries();
                if (data.inputs.length) drawLags();
            },
        };
    }

    /* the page */

    const body = [];
    if (data.flat) body.push(make("p", { class: "note" }, data.flat));
    if (data.guessed) body.push(make("p", { class: "note" }, data.guessed));
    body.push(make("h3", {}, "Outputs"), parts.outputs, ...classTools(), parts.warning);
    if (plot) body.push(plot.figure);
    if (data.inputs.length) {
        const head = data.series ? "Inputs at the step t − lag" : "Inputs";
        body.push(make("h3", {}, head), toolbar(), parts.meaning, parts.inputs, parts.hidden);
        const tangent = data.flat ? "" : ", its tangent at the point";
        const side = [
            make(
                "div",
                {},
                make("h3", {}, "Along each input"),
                make(
                    "p",
                    { class: "note" },
                    `The output${tangent}, and shaded the known range. Drag to move the input.`,
                ),
                parts.curves,
            ),
        ];
        if (contour) side.push(make("div", {}, make("h3", {}, "Over two inputs"), contour.figure));
        body.push(make("div", { class: "pictures" }, ...side));
    }
    if (copies.length) body.push(make("h3", {}, "Compute the same with matnet"), ...copies.map((entry) => entry.row));
    compute();
    if (data.classes) {
        state.of = state.found.y.indexOf(Math.max(...state.found.y));
        if (outputs[state.of]) outputs[state.of].choice.checked = true;
        else state.of = 0;
    }
    const strongest = ranked();
    if (contour) state.pair = strongest.slice(0, 2);
    if (state.top < Infinity) state.order = strongest;
    root.classList.toggle("flat", Boolean(data.flat));
    root.replaceChildren(...body);
    arrange();
    refresh();
    addEventListener("resize", () => {
        if (plot) requestAnimationFrame(draw);
    });
}
