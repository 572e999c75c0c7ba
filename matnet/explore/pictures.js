/* Numbers as text, round numbers for axes, and pictures of SVG. */

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = [
    [0, 34, 78],
    [53, 69, 108],
    [102, 105, 112],
    [148, 142, 119],
    [200, 184, 102],
    [254, 232, 56],
];

/** A number with that many significant digits. */
function number(value, digits = 6) {
    if (!Number.isFinite(value)) return String(value).replace("Infinity", "∞").replace("-", "−");
    const size = Math.abs(value);
    const text =
        size !== 0 && (size >= 1e7 || size < 1e-4)
            ? value
                  .toExponential(digits - 2)
                  .replace(/\.?0+e/, "e")
                  .replace("e+", "e")
            : String(Number(value.toPrecision(digits)));
    return text.replaceAll("-", "−");
}

/** A text that is cut where it is longer than its place. */
const short = (text, most = 42) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** The milliseconds that a call takes, from as many calls as fit in a few. */
function timed(call) {
    const start = performance.now();
    let calls = 0;
    while (calls < 3 || (performance.now() - start < 5 && calls < 1000)) {
        call();
        calls++;
    }
    return (performance.now() - start) / calls || 1e-3;
}

/** Round numbers between two ends, about `count` of them. */
function ticks(low, high, count) {
    const raw = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((part) => part * power).find((part) => part >= raw * (1 - 1e-9));
    const found = [];
    // the count ends it where the numbers are too large for steps so small
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step && found.length < 50; k++) {
        found.push(k * step);
    }
    return found;
}

/** The ends of an axis that shows all of some numbers. */
function ends(values) {
    const known = values.filter(Number.isFinite);
    if (!known.length) return [0, 1];
    const low = Math.min(...known),
        high = Math.max(...known);
    const pad =
        high - low > 1e-12 * Math.max(Math.abs(low), Math.abs(high))
            ? 0.06 * (high - low)
            : 0.05 * Math.max(Math.abs(high), 1e-300) || 1;
    return [low - pad, high + pad];
}

/** A new element of SVG in another. */
function shape(parent, tag, attributes, text) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
}

/** A line through points in pixels, with gaps where one is not finite. */
function line(inner, cls, points) {
    let path = "";
    let open = false;
    for (const [a, b] of points) {
        const drawn = Number.isFinite(a) && Number.isFinite(b);
        if (drawn) path += `${open ? "L" : "M"}${a.toFixed(2)} ${b.toFixed(2)}`;
        open = drawn;
    }
    if (path) shape(inner, "path", { class: cls, d: path });
}

/** An empty plot with axes; `inner` clips what is drawn in it. */
function frame(svg, place, xs, ys, label, labelY) {
    const { width, height, left, top, across, up } = place;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const px = (value) => ((value - xs[0]) / (xs[1] - xs[0])) * across;
    const py = (value) => (1 - (value - ys[0]) / (ys[1] - ys[0])) * up;
    shape(svg, "rect", { class: "area", x: left, y: top, width: across, height: up });
    for (const value of ticks(...xs, across < 300 ? 4 : 8)) {
        const at = left + px(value);
        shape(svg, "line", { class: "grid", x1: at, x2: at, y1: top, y2: top + up });
        shape(
            svg,
            "text",
            { class: "tick", x: at, y: top + up + 14, "text-anchor": at > width - 30 ? "end" : "middle" },
            number(value, 4),
        );
    }
    for (const value of ticks(...ys, 4)) {
        const at = top + py(value);
        shape(svg, "line", { class: "grid", x1: left, x2: left + across, y1: at, y2: at });
        shape(svg, "text", { class: "tick", x: left - 4, y: at + 4, "text-anchor": "end" }, number(value, 4));
    }
    shape(svg, "text", { class: "label", x: left + across / 2, y: height - 6, "text-anchor": "middle" }, short(label));
    shape(
        svg,
        "text",
        {
            class: "label",
            x: 11,
            y: top + up / 2,
            "text-anchor": "middle",
            transform: `rotate(-90 11 ${top + up / 2})`,
        },
        short(labelY, 26),
    );
    return { inner: shape(svg, "svg", { x: left, y: top, width: across, height: up, overflow: "hidden" }), px, py };
}

/** Calls `take` with a place of the plot, shares from 0 to 1 of both its sides, wherever it is pressed or dragged. */
function dragged(svg, placed, take) {
    const move = (event) => {
        const place = placed();
        const box = svg.getBoundingClientRect();
        const u = (((event.clientX - box.left) / box.width) * place.width - place.left) / place.across;
        const v = 1 - (((event.clientY - box.top) / box.height) * place.height - place.top) / place.up;
        take(Math.max(0, Math.min(1, u)), Math.max(0, Math.min(1, v)));
    };
    svg.addEventListener("pointerdown", (event) => {
        svg.setPointerCapture(event.pointerId);
        move(event);
    });
    svg.addEventListener("pointermove", (event) => {
        if (svg.hasPointerCapture(event.pointerId)) move(event);
    });
}

/** The red, green and blue of a share from 0 to 1 of the scale of colours. */
function colour(share) {
    const place = Math.max(0, Math.min(1, share)) * (COLOURS.length - 1);
    const k = Math.min(COLOURS.length - 2, Math.floor(place));
    return COLOURS[k].map((from, part) => Math.round(from + (place - k) * (COLOURS[k + 1][part] - from)));
}
