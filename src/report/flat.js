"use strict";
// The network on a plain canvas, for browsers without WebGL2: the same lines, without thickness and shading.
const flat = canvas => {
    const context = canvas.getContext("2d");
    let places, colour, box, count = 0;

    function set(points, branches, edges) { places = points; count = branches.length; box = edges; }
    function paint(colours) { colour = colours; }

    function draw(matrix, { back, share = 1, emphasis = [] }) {
        const { width, height } = canvas, { r, offset, focal } = matrix;
        context.fillStyle = `rgb(${back.map(value => Math.round(value * 255)).join(" ")})`;
        context.fillRect(0, 0, width, height);
        const project = i => {
            const [x, y, z] = [places[4 * i], places[4 * i + 1], places[4 * i + 2]];
            const depth = -(r[6] * x + r[7] * y + r[8] * z + offset[2]);
            if (depth < 0.01) return null;
            return [width / 2 + (r[0] * x + r[1] * y + r[2] * z + offset[0]) * focal / depth, height / 2 - (r[3] * x + r[4] * y + r[5] * z + offset[1]) * focal / depth];
        };
        // Lines of one colour are drawn together.
        const paths = new Map();
        const line = (from, to, weight) => {
            let last = null;
            for (let i = from; i < to; i++) {
                const at = project(i), key = (colour[4 * i] << 16 | colour[4 * i + 1] << 8 | colour[4 * i + 2]) + weight * 0x1000000;
                if (last && at && colour[4 * i + 3]) {
                    if (!paths.has(key)) paths.set(key, new Path2D());
                    paths.get(key).moveTo(...last);
                    paths.get(key).lineTo(...at);
                }
                last = places[4 * i + 3] < 0 ? null : at;
            }
        };
        line(0, box, 1);
        line(box, box + Math.ceil((count - box) * share), 1);
        for (const [from, to] of emphasis) line(from, to, 4);
        context.lineCap = "round";
        for (const [key, path] of paths) {
            context.strokeStyle = `#${(key % 0x1000000).toString(16).padStart(6, "0")}`;
            context.lineWidth = Math.floor(key / 0x1000000) * 1.4;
            context.stroke(path);
        }
    }

    // Milliseconds that a drawing takes.
    function time(matrix, options) {
        const began = performance.now();
        draw(matrix, options);
        context.getImageData(0, 0, 1, 1);
        return performance.now() - began;
    }

    return { set, paint, draw, time, pick: () => -1, restore: () => {}, points: () => count };
};
