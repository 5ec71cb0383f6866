"use strict";
// The map of chunks: how far each is, seen along z, or in one plane of chunks.
const chunkMap = (() => {
    const { element, number } = page;
    // By the number that stands for a state.
    const STATES = [
        { name: "missing", colour: "--line" },
        { name: "arrived, being read", colour: "--yellow" },
        { name: "read, a neighbour is missing", colour: "--sky" },
        { name: "read", colour: "--blue" },
        { name: "not readable", colour: "--vermilion" },
    ];
    // The order of colours in a square, from the left.
    const ORDER = [3, 2, 1, 4, 0];
    const canvas = document.getElementById("map"), slider = document.getElementById("plane");
    const label = document.getElementById("plane-name"), legend = document.getElementById("map-legend");
    let map = null, spacing = [1, 1, 1];

    // For each square, how many chunks are in each state: of those along z, or of the one in plane `z` of chunks.
    function squares(z) {
        const plane = map.shape[1] * map.shape[2], counts = new Uint32Array(plane * STATES.length);
        let at = 0;
        for (const [state, length] of map.runs) {
            const from = z === null ? at : Math.max(at, z * plane), to = Math.min(at + length, z === null ? Infinity : (z + 1) * plane);
            for (let i = from; i < to; i++) counts[i % plane * STATES.length + state]++;
            at += length;
        }
        return counts;
    }

    function rgb(name) {
        const probe = element("span", { style: `color:${page.property(name)}` });
        document.body.append(probe);
        const parts = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
        probe.remove();
        return parts;
    }

    function draw() {
        if (!map) return;
        const total = map.shape[0] * map.shape[1] * map.shape[2];
        if (!map.runs.length) {
            legend.replaceChildren(element("p", { class: "note", text: total ? `A map of ${number(total)} chunks would be too large to show.` : "No epoch has begun yet." }));
            canvas.hidden = true;
            return;
        }
        canvas.hidden = false;
        const plane = Number(slider.value) - 1;
        const counts = squares(plane < 0 ? null : plane), depth = plane < 0 ? map.shape[0] : 1, [, height, width] = map.shape;
        // Squares of several pixels, with a gap where there is room.
        const side = Math.max(1, Math.min(32, Math.floor(1200 / Math.max(width, height)))), gap = side > 5 ? 1 : 0;
        canvas.width = width * side;
        canvas.height = height * side;
        const stretch = (height * map.chunk[1] * spacing[1]) / (width * map.chunk[2] * spacing[2]);
        canvas.style.aspectRatio = `${1} / ${stretch}`;
        canvas.style.maxWidth = `${Math.max(width * side, 160)}px`;
        const context = canvas.getContext("2d"), colours = STATES.map(state => `rgb(${rgb(state.colour).slice(0, 3).join(",")})`);
        for (let i = 0; i < height * width; i++) {
            let left = i % width * side;
            for (const state of ORDER) {
                const part = (side - gap) * counts[i * STATES.length + state] / depth;
                context.fillStyle = colours[state];
                if (part) context.fillRect(left, Math.floor(i / width) * side, part, side - gap);
                left += part;
            }
        }
        const counted = STATES.map((state, i) => ({ ...state, count: map.counts[i] })).filter(state => state.count);
        canvas.setAttribute("aria-label", `Map of ${number(total)} chunks: ` + counted.map(state => `${number(state.count)} ${state.name}`).join(", "));
        label.textContent = plane < 0 ? "all: each square is filled as far as its chunks have come" : `${plane + 1} of ${map.shape[0]}`;
        legend.replaceChildren(element("ul", { class: "legend" }, ...counted.map(state =>
            element("li", {}, element("span", { class: "swatch", style: `background:var(${state.colour})` }), `${state.name}: ${number(state.count)}`))));
    }

    function show(next, voxel) {
        map = next;
        spacing = voxel || spacing;
        slider.max = map.shape[0];
        slider.disabled = map.shape[0] < 2;
        draw();
    }

    slider.addEventListener("input", draw);
    page.onTheme(draw);
    return { show };
})();
