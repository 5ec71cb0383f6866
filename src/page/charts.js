"use strict";
// Charts as SVG: scales, axes and legends. plots.js and violin.js draw with them.
//
// A chart is drawn anew for the width of its place, so that its text keeps its size on a phone.
const charts = (() => {
    const { svg, element, number } = page;

    // Colours for series, told apart by colour-blind readers.
    const COLOURS = ["--blue", "--orange", "--green", "--vermilion", "--purple", "--sky", "--yellow", "--grey"].map(name => `var(${name})`);

    // Round numbers from `low` to `high`, about `count` of them.
    function ticks(low, high, count) {
        if (!(high > low)) return [low];
        const raw = (high - low) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(raw));
        const step = [1, 2, 2.5, 5, 10].map(factor => factor * power).find(step => step >= raw * 0.999);
        const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
        return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
    }

    // Ticks of a logarithmic axis: powers of ten, with 2 and 5 between them where there are few.
    function logTicks(low, high, count) {
        if (high / low < 6) return ticks(low, high, count);
        const from = Math.floor(Math.log10(low)), to = Math.ceil(Math.log10(high)), found = [];
        const factors = to - from <= 1 ? [1, 2, 3, 5, 7] : to - from <= 3 ? [1, 2, 5] : [1];
        const step = Math.max(1, Math.ceil((to - from) / Math.max(2, count)));
        for (let power = from; power <= to; power += step) {
            for (const factor of factors) {
                const tick = Number((factor * 10 ** power).toPrecision(6));
                if (tick >= low * 0.9999 && tick <= high * 1.0001) found.push(tick);
            }
        }
        return found.length > 1 ? found : ticks(low, high, count);
    }

    // The title of an axis, which says where it is logarithmic.
    const titled = (label, log) => !log ? label : label.endsWith(")") ? `${label.slice(0, -1)}, logarithmic)` : `${label} (logarithmic)`;

    // From values to places: `scale(value)`, with `scale.ticks`, `scale.log`, `scale.domain`.
    function scale({ log = false, domain, range, count = 5 }) {
        let [low, high] = domain;
        if (log && !(low > 0)) throw new Error("a logarithmic axis begins above zero");
        if (!(high > low)) [low, high] = log ? [low / 2, low * 2] : [low - 0.5, low + 0.5];
        const of = log ? Math.log : value => value;
        const [from, to] = [of(low), of(high)];
        const place = value => range[0] + (of(value) - from) / (to - from) * (range[1] - range[0]);
        return Object.assign(place, { log, domain: [low, high], range, ticks: (log ? logTicks : ticks)(low, high, count) });
    }

    // A chart in a place: `render(width)` returns an SVG element, and is called again when the width changes.
    function place(host, render) {
        let last = 0;
        const draw = () => {
            const width = Math.round(host.clientWidth);
            if (!width || width === last) return;
            last = width;
            host.querySelector("svg")?.remove();
            host.append(render(Math.max(260, width)));
        };
        host.classList.add("chart");
        draw();
        if ("ResizeObserver" in window) new ResizeObserver(draw).observe(host);
        return host;
    }

    // The room that the labels of a vertical axis need, with its title.
    const room = (values, format = number) => 30 + 7 * Math.max(3, ...values.map(value => format(value).length));

    // The frame of a chart: an SVG element with a name for those who listen, and its inner box.
    function frame(width, height, { title, description, margins = {} }) {
        const box = { left: 56, right: 12, top: 10, bottom: 46, ...margins };
        const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": description || title });
        root.append(svg("title", { text: title }));
        if (description) root.append(svg("desc", { text: description }));
        return { root, box, width, height, inner: { x: [box.left, width - box.right], y: [height - box.bottom, box.top] } };
    }

    function xAxis({ root, inner, height }, scale, label, format = number) {
        const y = inner.y[0];
        const group = svg("g", { "aria-hidden": "true" });
        let end = -Infinity;
        for (const tick of scale.ticks) {
            const x = scale(tick), text = format(tick), half = text.length * 3.4;
            group.append(svg("line", { class: "grid", x1: x, x2: x, y1: y, y2: inner.y[1] }));
            // Labels that would run into each other are left out.
            if (x - half < end + 6) continue;
            end = x + half;
            group.append(svg("text", { x, y: y + 17, "text-anchor": "middle", text }));
        }
        group.append(svg("line", { class: "axis", x1: inner.x[0], x2: inner.x[1], y1: y, y2: y }));
        if (label) group.append(svg("text", { class: "axis-title", x: (inner.x[0] + inner.x[1]) / 2, y: height - 6, "text-anchor": "middle", text: label }));
        root.append(group);
    }

    function yAxis({ root, inner }, scale, label, format = number) {
        const x = inner.x[0];
        const group = svg("g", { "aria-hidden": "true" });
        for (const tick of scale.ticks) {
            const y = scale(tick);
            group.append(svg("line", { class: "grid", x1: x, x2: inner.x[1], y1: y, y2: y }));
            group.append(svg("text", { x: x - 7, y: y + 4, "text-anchor": "end", text: format(tick) }));
        }
        if (label) {
            const middle = (inner.y[0] + inner.y[1]) / 2;
            group.append(svg("text", { class: "axis-title", "text-anchor": "middle", transform: `translate(13 ${middle}) rotate(-90)`, text: label }));
        }
        root.append(group);
    }

    // A list of names with their colours: [{name, colour}].
    const legend = entries => element("ul", { class: "legend" }, ...entries.map(({ name, colour }) =>
        element("li", {}, element("span", { class: "swatch", style: `background:${colour}` }), name)));

    // A figure with a caption and a legend, in which `render(width)` draws.
    function figure({ title, note, entries }, render) {
        const host = element("div");
        const caption = element("figcaption", {}, element("strong", { text: title }), note ? " " + note : "");
        const whole = element("figure", {}, caption, entries && entries.length > 1 ? legend(entries) : null, host);
        // It has a width once it is in the page.
        requestAnimationFrame(() => place(host, render));
        return whole;
    }

    // A chart that has nothing to show says so.
    function empty(width, title, text) {
        const shown = frame(width, 120, { title, description: `${title}: ${text}` });
        shown.root.append(svg("text", { class: "empty", x: width / 2, y: 64, text }));
        return shown.root;
    }

    return { COLOURS, ticks, logTicks, titled, room, scale, place, frame, xAxis, yAxis, legend, figure, empty };
})();
