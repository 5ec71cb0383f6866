"use strict";
// Statistics over time: a line through the epochs.
const times = (() => {
    const { svg, number } = page;
    const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800].map(seconds => seconds * 1000);

    const clock = (ms, step) => {
        const date = new Date(ms), options = step >= 86400e3 ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit", ...(step < 60e3 ? { second: "2-digit" } : {}) };
        return date.toLocaleString([], options);
    };

    // Round moments between two, about `count` of them, in local time.
    function moments(from, to, count) {
        const step = STEPS.find(step => (to - from) / step <= count) || STEPS.at(-1);
        const shift = new Date(from).getTimezoneOffset() * 60e3, found = [];
        for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) found.push(at);
        return { step, found };
    }

    // A chart of one statistic: {title, unit, name} of lines [{at, number, …}].
    function chart({ title, name, unit }, lines) {
        const points = lines.filter(line => typeof line[name] === "number");
        return charts.figure({ title, note: unit ? `in ${unit}` : "" }, width => {
            if (!points.length) return charts.empty(width, title, "no epoch yet");
            const last = points.at(-1), description = `${title} over time: ${number(last[name])} at the end of epoch ${last.number}`;
            const frame = charts.frame(width, 210, { title, description, margins: { left: 66 } });
            const values = points.map(line => line[name]), from = points[0].at, to = Math.max(last.at, from + 1000);
            const x = charts.scale({ domain: [from, to], range: frame.inner.x });
            const { step, found } = moments(from, to, Math.max(2, width / 110));
            x.ticks = found.length ? found : [from];
            const y = charts.scale({ domain: [Math.min(0, ...values), Math.max(...values, 0) || 1], range: frame.inner.y, count: 4 });
            charts.xAxis(frame, x, "time", ms => clock(ms, step));
            charts.yAxis(frame, y, "");
            frame.root.append(svg("polyline", { points: points.map(line => `${x(line.at)},${y(line[name])}`).join(" "), style: "fill:none;stroke:var(--blue);stroke-width:2" }));
            for (const line of points.length > 120 ? [last] : points) {
                const point = svg("circle", { class: "point", cx: x(line.at), cy: y(line[name]), r: 3.5, style: "fill:var(--blue)" });
                point.append(svg("title", { text: `epoch ${line.number}, ${clock(line.at, 1000)}: ${number(line[name])}` }));
                frame.root.append(point);
            }
            return frame.root;
        });
    }

    return { chart, clock };
})();
