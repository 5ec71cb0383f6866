"use strict";
// Histograms and bars.
//
// A histogram is {title, note, label, log, edges, series}: `edges` are the n + 1 bounds of n bins, and each of the series
// {name, colour, counts} has n counts, which are stacked.
charts.histogram = options => {
    const { svg, number } = page;
    const { title, note, label, log, edges, series, height = 250, countLabel = "branches" } = options;
    const shown = series.filter(one => one.counts.some(count => count > 0));
    const totals = edges.slice(1).map((_, bin) => shown.reduce((sum, one) => sum + one.counts[bin], 0));
    const all = totals.reduce((a, b) => a + b, 0);
    return charts.figure({ title, note, entries: shown }, width => {
        if (!all) return charts.empty(width, title, "no branch has a value");
        const description = `Histogram of ${title.toLowerCase()}: ${number(all)} ${countLabel} between ${number(edges[0])} and ${number(edges.at(-1))} ${label}`;
        const frame = charts.frame(width, height, { title, description, margins: { left: charts.room(charts.ticks(0, Math.max(...totals), 4)) } });
        const x = charts.scale({ log, domain: [edges[0], edges.at(-1)], range: frame.inner.x, count: width / 90 });
        const y = charts.scale({ domain: [0, Math.max(...totals)], range: frame.inner.y, count: 4 });
        charts.xAxis(frame, x, charts.titled(label, log));
        charts.yAxis(frame, y, countLabel);
        totals.forEach((_, bin) => {
            const [left, right] = [x(edges[bin]), x(edges[bin + 1])];
            let below = 0;
            for (const one of shown) {
                const count = one.counts[bin];
                if (!count) continue;
                const top = y(below + count), bottom = y(below);
                below += count;
                const bar = svg("rect", { x: left, y: top, width: Math.max(0.6, right - left - 0.8), height: Math.max(0.4, bottom - top), style: `fill:${one.colour}` });
                bar.append(svg("title", { text: `${one.name}: ${number(count)} from ${number(edges[bin])} to ${number(edges[bin + 1])}` }));
                frame.root.append(bar);
            }
        });
        return frame.root;
    });
};

// Bars: {title, note, label, valueLabel, bars: [{name, value, colour, text}]}, one beside the other.
charts.bars = options => {
    const { svg, number } = page;
    const { title, note, label, valueLabel, bars, height = 250, colour = "var(--blue)" } = options;
    return charts.figure({ title, note }, width => {
        const most = Math.max(0, ...bars.map(bar => bar.value));
        if (!most) return charts.empty(width, title, "nothing to show");
        const description = `${title}: ` + bars.map(bar => `${bar.name}: ${number(bar.value)}`).join("; ");
        const frame = charts.frame(width, height, { title, description, margins: { left: charts.room(charts.ticks(0, most, 4)) } });
        const y = charts.scale({ domain: [0, most], range: frame.inner.y, count: 4 });
        charts.yAxis(frame, y, valueLabel);
        const [from, to] = frame.inner.x, step = (to - from) / bars.length;
        const every = Math.ceil(Math.max(...bars.map(bar => bar.name.length)) * 6.6 / step);
        bars.forEach((bar, i) => {
            const left = from + i * step + step * 0.08;
            const rect = svg("rect", { x: left, y: y(bar.value), width: step * 0.84, height: frame.inner.y[0] - y(bar.value), rx: 1.5, style: `fill:${bar.colour || colour}` });
            rect.append(svg("title", { text: bar.text || `${bar.name}: ${number(bar.value)}` }));
            frame.root.append(rect);
            if (i % every === 0) frame.root.append(svg("text", { x: from + (i + 0.5) * step, y: frame.inner.y[0] + 17, "text-anchor": "middle", text: bar.name }));
        });
        frame.root.append(svg("line", { class: "axis", x1: from, x2: to, y1: frame.inner.y[0], y2: frame.inner.y[0] }));
        if (label) frame.root.append(svg("text", { class: "axis-title", x: (from + to) / 2, y: height - 6, "text-anchor": "middle", text: label }));
        return frame.root;
    });
};
