"use strict";
// Colours of branches: by kind, by a measure, or by skeleton.
const colours = (() => {
    // Okabe and Ito's, as in overview.png.
    const KINDS = [[0, 158, 115], [230, 159, 0], [86, 180, 233], [204, 121, 167]];
    // From the least to the largest: lightness grows throughout.
    const RAMP = [[75, 94, 210], [0, 153, 204], [64, 190, 130], [200, 214, 60], [255, 244, 160]];
    const UNKNOWN = [150, 155, 160];
    const SKELETONS = [[86, 180, 233], [230, 159, 0], [0, 158, 115], [204, 121, 167], [240, 228, 66], [213, 94, 0], [0, 114, 178], [160, 200, 190]];

    function ramp(share) {
        const place = Math.min(1, Math.max(0, share)) * (RAMP.length - 1), low = Math.min(Math.floor(place), RAMP.length - 2);
        return RAMP[low].map((value, i) => value + (RAMP[low + 1][i] - value) * (place - low));
    }

    // What branches can be coloured by: those that say anything of these results.
    function choices() {
        const { branches, facts } = report, unit = facts.unit;
        const all = [
            { key: "kind", name: "Kind" },
            { key: "radius", name: "Mean radius", unit },
            { key: "length", name: "Length", unit },
            { key: "tortuosity", name: "Tortuosity", unit: "" },
            { key: "value", name: "Image value", unit: "" },
            { key: "skeleton", name: "Skeleton" },
            { key: "label", name: "Label" },
            { key: "region", name: "Region" },
        ];
        return all.filter(({ key }) => branches[key]);
    }

    // The range in which most of a column lies: from the 1st to the 99th percentile.
    function range(values) {
        const step = Math.max(1, Math.floor(values.length / 20000)), some = [];
        for (let i = 0; i < values.length; i += step) if (Number.isFinite(values[i])) some.push(values[i]);
        if (!some.length) return null;
        const sorted = Float64Array.from(some).sort();
        const at = share => sorted[Math.round(share * (sorted.length - 1))];
        let [low, high] = [at(0.01), at(0.99)];
        if (!(high > low)) [low, high] = [sorted[0], sorted.at(-1)];
        return { low, high, log: low > 0 && high / low > 8 };
    }

    // The colours of all rows, three bytes each, and what explains them.
    function of(choice) {
        const { branches, rows } = report, bytes = new Uint8Array(3 * rows), values = branches[choice.key];
        const put = (row, colour) => bytes.set(colour, 3 * row);
        if (choice.key === "kind") {
            for (let row = 0; row < rows; row++) put(row, KINDS[values[row]]);
            const counts = [0, 0, 0, 0];
            values.forEach(kind => counts[kind]++);
            const entries = report.KINDS.map((name, kind) => ({ name, colour: css(KINDS[kind]) })).filter((_, kind) => counts[kind]);
            return { bytes, entries };
        }
        if (choice.unit === undefined) {
            for (let row = 0; row < rows; row++) put(row, SKELETONS[colourOf(values[row])]);
            return { bytes, note: `Each ${choice.name.toLowerCase()} has one of ${SKELETONS.length} colours.` };
        }
        const found = range(values);
        if (!found) { bytes.fill(150); return { bytes, note: "No branch has a value." }; }
        const { low, high, log } = found, f = log ? Math.log : value => value, [from, to] = [f(low), f(high)];
        const table = Array.from({ length: 256 }, (_, i) => ramp(i / 255));
        let unknown = 0;
        for (let row = 0; row < rows; row++) {
            const value = values[row];
            if (!Number.isFinite(value) || (log && value <= 0)) { put(row, UNKNOWN); unknown++; continue; }
            const share = to > from ? (f(value) - from) / (to - from) : 0.5;
            put(row, table[Math.round(Math.min(1, Math.max(0, share)) * 255)]);
        }
        return { bytes, bar: { low, high, log, unit: choice.unit }, note: unknown ? "Grey: no value." : "" };
    }

    // Which of the colours of skeletons a label has; labels may be below 0, and wider than numbers are.
    const colourOf = label => typeof label === "bigint" ? Number(BigInt.asUintN(64, label) % BigInt(SKELETONS.length)) : label % SKELETONS.length;

    const css = colour => `rgb(${colour.map(Math.round).join(" ")})`;

    // The legend of a colouring, as an element.
    function legend(choice, { entries, bar, note }) {
        const { element, number } = page;
        if (entries) return charts.legend(entries);
        const parts = [];
        if (bar) {
            const stops = Array.from({ length: 17 }, (_, i) => css(ramp(i / 16))).join(",");
            const middle = bar.log ? Math.sqrt(bar.low * bar.high) : (bar.low + bar.high) / 2;
            const unit = bar.unit ? " " + bar.unit : "";
            parts.push(element("div", { class: "bar", role: "img", "aria-label": `${choice.name} from ${number(bar.low, 3)} to ${number(bar.high, 3)}${unit}` },
                element("span", { class: "bar-name", text: choice.name + (unit ? ` (${bar.unit})` : "") + (bar.log ? ", logarithmic" : "") }),
                element("span", { class: "bar-ramp", style: `background:linear-gradient(to right,${stops})` }),
                element("span", { class: "bar-ends" }, ...[bar.low, middle, bar.high].map(value => element("span", { text: number(value, 3) })))));
        }
        if (note) parts.push(element("p", { class: "note", text: note }));
        return element("div", { class: "legend-bar" }, ...parts);
    }

    return { choices, of, legend, ramp, css, KINDS };
})();
