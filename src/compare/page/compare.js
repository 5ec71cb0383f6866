"use strict";
// Charts of a comparison: violins with a point a sample, and densities sample by sample.
(() => {
    const { violins, charts: densities } = page.data("comparison");
    const colour = group => charts.COLOURS[group % charts.COLOURS.length];

    const host = document.getElementById("violin-charts");
    for (const { title, label, edges, groups } of violins) {
        host.append(charts.violin({
            title,
            label,
            log: true,
            groups: groups.map((group, i) => ({ ...group, edges, colour: colour(i) })),
        }));
    }
    if (!violins.length) host.append(page.element("p", { class: "note", text: "No sample has branches." }));

    // Points of samples by group, with a line at the mean, from zero on.
    function dots({ title, label, groups }) {
        const { svg, number } = page;
        return charts.figure({ title }, width => {
            const values = groups.flatMap(group => group.points.map(point => point.value));
            if (!values.length) return charts.empty(width, title, "no value");
            const description = `${title}: ` + groups.map(group => `${group.name}: ${number(group.mean)}`).join("; ");
            const frame = charts.frame(width, 220, { title, description, margins: { bottom: 34, left: 70 } });
            const y = charts.scale({ domain: [0, Math.max(...values) * 1.08 || 1], range: frame.inner.y, count: 4 });
            charts.yAxis(frame, y, label);
            const [from, to] = frame.inner.x, step = (to - from) / groups.length;
            groups.forEach((group, i) => {
                const middle = from + (i + 0.5) * step, half = Math.min(step * 0.3, 46);
                group.points.forEach((point, j) => {
                    const offset = ((j % 5) - (Math.min(5, group.points.length) - 1) / 2) * Math.min(11, half / 3);
                    const dot = svg("circle", { class: "point", cx: middle + offset, cy: y(point.value), r: 4.5, style: `fill:${colour(i)}` });
                    dot.append(svg("title", { text: `${point.name}: ${number(point.value)}` }));
                    frame.root.append(dot);
                });
                if (group.mean !== null) {
                    frame.root.append(svg("line", { class: "median", x1: middle - half, x2: middle + half, y1: y(group.mean), y2: y(group.mean) }));
                }
                const most = Math.max(1, Math.floor(step / 6.6));
                const name = group.name.length <= most ? group.name : group.name.slice(0, Math.max(1, most - 1)) + "…";
                frame.root.append(svg("text", { x: middle, y: frame.inner.y[0] + 19, "text-anchor": "middle", text: name }));
            });
            frame.root.append(svg("line", { class: "axis", x1: from, x2: to, y1: frame.inner.y[0], y2: frame.inner.y[0] }));
            return frame.root;
        });
    }
    for (const chart of densities) document.getElementById("density-charts").append(dots(chart));
    document.documentElement.dataset.ready = "";
})();
