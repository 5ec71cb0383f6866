"use strict";
// Violins: {title, note, label, log, groups}. Each of the groups {name, colour} has `values`, or `edges` with `counts`; it may have
// `quartiles` [q1, median, q3] (else they follow from the values) and `points` [{name, value}], one a sample.
charts.violin = options => {
    const { svg, number } = page;
    const { title, note, label, log = false, groups, height = 300 } = options;
    const STEPS = 96;

    // Quantile with linear interpolation, as NumPy and pandas have it, of ascending values.
    const quantile = (sorted, share) => {
        const at = (sorted.length - 1) * share, low = Math.floor(at);
        return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (at - low);
    };

    // A smooth outline: counts of fine bins, spread by a Gaussian whose width is Silverman's for the values.
    function outline(places, weights, [from, to]) {
        let sum = 0, mean = 0, square = 0;
        places.forEach((place, i) => { sum += weights[i]; mean += weights[i] * place; });
        mean /= sum;
        places.forEach((place, i) => { square += weights[i] * (place - mean) ** 2; });
        const spread = Math.sqrt(square / sum) || (to - from) / 50;
        const width = Math.max(1.06 * spread * sum ** -0.2, (to - from) / STEPS);
        const density = new Float64Array(STEPS + 1), step = (to - from) / STEPS;
        places.forEach((place, i) => {
            const [first, last] = [place - 3.5 * width, place + 3.5 * width].map(end => (end - from) / step);
            for (let j = Math.max(0, Math.ceil(first)); j <= Math.min(STEPS, Math.floor(last)); j++) {
                density[j] += weights[i] * Math.exp(-0.5 * ((from + j * step - place) / width) ** 2);
            }
        });
        return density;
    }

    const of = log ? Math.log : value => value, back = log ? Math.exp : value => value;
    const prepared = groups.map(group => {
        let places = [], weights = [], quartiles = group.quartiles, points = group.points || [];
        if (group.values) {
            const sorted = Float64Array.from(group.values).filter(value => Number.isFinite(value) && (!log || value > 0)).sort();
            if (sorted.length && !quartiles) quartiles = [0.25, 0.5, 0.75].map(share => quantile(sorted, share));
            places = Array.from(sorted, of);
            weights = places.map(() => 1);
        } else if (group.edges) {
            group.counts.forEach((count, i) => {
                if (count) { places.push((of(group.edges[i]) + of(group.edges[i + 1])) / 2); weights.push(count); }
            });
        }
        points = points.filter(point => Number.isFinite(point.value) && (!log || point.value > 0));
        return { ...group, places, weights, quartiles, points };
    });
    const extent = prepared.flatMap(group => [...ends(group.places), ...group.points.map(point => of(point.value))]);
    return charts.figure({ title, note }, width => {
        if (!extent.length) return charts.empty(width, title, "no value");
        let [low, high] = [Math.min(...extent), Math.max(...extent)];
        const room = (high - low) * 0.05 || 0.5;
        [low, high] = [low - room, high + room];
        if (!log && Math.min(...extent) >= 0) low = Math.max(0, low);
        const description = `Violins of ${title.toLowerCase()}: ` + prepared.map(group =>
            `${group.name}: ${group.quartiles ? "median " + number(group.quartiles[1]) : "no values"}`).join("; ");
        const frame = charts.frame(width, height, { title, description, margins: { bottom: 34, left: charts.room((log ? charts.logTicks : charts.ticks)(back(low), back(high), 5)) } });
        const y = charts.scale({ log, domain: [back(low), back(high)], range: frame.inner.y, count: 5 });
        charts.yAxis(frame, y, charts.titled(label, log));
        const [from, to] = frame.inner.x, step = (to - from) / prepared.length;
        prepared.forEach((group, i) => {
            const middle = from + (i + 0.5) * step, half = Math.min(step * 0.42, 70);
            const part = svg("g", {});
            part.append(svg("title", { text: `${group.name}` + (group.quartiles ? `: quartiles ${group.quartiles.map(value => number(value)).join(", ")}` : "") }));
            if (group.places.length) {
                const [least, most] = ends(group.places);
                const density = outline(group.places, group.weights, [low, high]), top = density.reduce((a, b) => Math.max(a, b));
                const sides = [[], []];
                density.forEach((value, j) => {
                    const at = Math.min(most, Math.max(least, low + j * (high - low) / STEPS)), x = value / top * half;
                    sides[0].push(`${(middle - x).toFixed(1)},${y(back(at)).toFixed(1)}`);
                    sides[1].unshift(`${(middle + x).toFixed(1)},${y(back(at)).toFixed(1)}`);
                });
                part.append(svg("polygon", { points: sides.flat().join(" "), style: `fill:${group.colour};fill-opacity:.42;stroke:${group.colour}` }));
            }
            if (group.quartiles) {
                const [first, median, third] = group.quartiles.map(value => y(value));
                part.append(svg("rect", { class: "quartiles", x: middle - 5, width: 10, y: third, height: Math.max(1, first - third), rx: 3 }));
                part.append(svg("line", { class: "median", x1: middle - 12, x2: middle + 12, y1: median, y2: median }));
            }
            group.points.forEach((point, j) => {
                // Side by side, in the order in which they are given.
                const offset = ((j % 5) - 2) * Math.min(9, half / 5);
                const dot = svg("circle", { class: "point", cx: middle + offset, cy: y(point.value), r: 4.5, style: `fill:${group.colour}` });
                dot.append(svg("title", { text: `${point.name}: ${number(point.value)}` }));
                part.append(dot);
            });
            frame.root.append(part);
            frame.root.append(svg("text", { x: middle, y: frame.inner.y[0] + 19, "text-anchor": "middle", text: short(group.name, step / 6.6) }));
        });
        frame.root.append(svg("line", { class: "axis", x1: from, x2: to, y1: frame.inner.y[0], y2: frame.inner.y[0] }));
        return frame.root;
    });

    // The least and the largest; nothing of nothing.
    function ends(places) {
        if (!places.length) return [];
        return [places.reduce((a, b) => Math.min(a, b)), places.reduce((a, b) => Math.max(a, b))];
    }

    function short(name, most) {
        return name.length <= most ? name : name.slice(0, Math.max(1, Math.floor(most) - 1)) + "…";
    }
};
