"use strict";
// Follows the analysis: events tell that an epoch has begun or ended, and what has changed is asked for then.
(() => {
    const { element, number } = page;
    const place = id => document.getElementById(id);
    const STATISTICS = [
        { name: "branches", title: "Branches" },
        { name: "total_length", title: "Total length", length: true },
        { name: "junctions", title: "Junctions" },
        { name: "loops", title: "Loops" },
        { name: "skeletons", title: "Skeletons" },
        { name: "median_radius", title: "Median radius of branches", length: true },
    ];
    // Milliseconds after which is asked again for what did not come, and after which it is given up for now.
    const RETRY = 2000, PATIENCE = 30000;
    // The lines of all epochs, what was told last, how far the running epoch is, and the epoch of the picture.
    let lines = [], now = null, progress = null, pictured = null;
    let busy = false, again = false, retry = 0;

    async function get(name) {
        const answer = await fetch(name, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
        if (!answer.ok) throw new Error(`${name}: the program answers ${answer.status}`);
        return answer.json();
    }
    // Whether two are the same epoch: numbers begin anew where an image takes another form.
    const same = (one, other) => one?.number === other?.number && one?.at === other?.at;
    const unit = () => now?.summary?.parameters?.unit || "voxels";
    const ofLine = statistic => statistic.length ? unit() : "";

    function status() {
        const host = place("status"), last = now?.epoch;
        const parts = [element("span", { class: "dot" })];
        let kind = "";
        if (now?.ended) {
            kind = "ended";
            parts.push("The program has ended. This is what it found last.");
        } else if (connection.state === "gone") {
            kind = "ended";
            parts.push("The program has ended. This is what was known last. If it was started again, it has printed a new address.");
        } else if (connection.state !== "open") {
            kind = "lost";
            parts.push(now ? "The connection is lost. Trying again; this is what was known last." : "Connecting …");
        } else if (now?.working) {
            kind = "working";
            parts.push(progress?.stage ? `Working: ${progress.stage}` : "Working");
            if (progress?.total) parts.push(element("progress", { max: progress.total, value: progress.done, "aria-label": progress.stage }), `${number(progress.done)} of ${number(progress.total)} chunks`);
        } else {
            parts.push(last ? "Waiting for changes" : "Waiting for the first results");
        }
        if (last) parts.push(`Epoch ${last.number} ended at ${new Date(last.at).toLocaleTimeString()} after ${number(last.seconds, 3)} s`);
        host.className = `status ${kind}`;
        host.replaceChildren(...parts.map(part => typeof part === "string" ? element("span", { text: part }) : part));
        if (kind === "ended") endLinks();
    }

    // Nothing is served any more.
    function endLinks() {
        document.querySelectorAll("#files a, #picture-link").forEach(link => link.removeAttribute("href"));
        place("not-served").hidden = false;
    }

    function figures() {
        const summary = now.summary;
        if (!summary) return place("figures").replaceChildren(element("p", { class: "note", text: "Results come with the first epoch." }));
        const before = same(lines.at(-1), now.epoch) ? lines.at(-2) : null;
        const change = (name, value) => {
            if (!before || typeof before[name] !== "number" || typeof value !== "number") return null;
            const by = value - before[name];
            return element("small", { text: by === 0 ? "unchanged" : `${by > 0 ? "+" : ""}${number(by)}` });
        };
        const entries = [
            ["branches", summary.branches, "branches"], ["total length, " + unit(), summary.total_length, "total_length"],
            ["junctions", summary.junctions, "junctions"], ["tips", summary.tips, "tips"], ["loops", summary.loops, "loops"],
            ["skeletons", summary.skeletons, "skeletons"], ["median length of a branch, " + unit(), summary.branch_distance?.["50%"], "median_length"],
            ["median radius of a branch, " + unit(), summary.mean_radius?.["50%"], "median_radius"],
            ["foreground", typeof summary.foreground_fraction === "number" ? 100 * summary.foreground_fraction : null, ""],
            ["provisional branches", summary.provisional_branches, ""],
        ].filter(([, value]) => typeof value === "number");
        place("figures").replaceChildren(element("dl", { class: "figures" }, ...entries.map(([name, value, field]) =>
            element("div", {}, element("dt", { text: name }), element("dd", {}, number(value) + (name === "foreground" ? " %" : ""), change(field, value))))));
        const warnings = summary.warnings || [], host = place("warnings");
        host.hidden = !warnings.length;
        host.replaceChildren(element("h2", { text: "Warnings" }), element("ul", {}, ...warnings.map(text => element("li", { text }))));
        const classes = (summary.length_by_radius || []).filter(one => one.length > 0);
        const bars = classes.map(one => ({ name: `${number(one.above)}–${number(one.to)}`, value: one.length }));
        place("classes").replaceChildren(bars.length
            ? charts.bars({ title: "Length of branches by their mean radius", label: `radius, ${unit()}`, valueLabel: `length, ${unit()}`, bars })
            : element("p", { class: "note", text: "No branch has a radius." }));
    }

    function history() {
        place("charts").replaceChildren(element("div", { class: "charts" }, ...STATISTICS.map(statistic => times.chart({ ...statistic, unit: ofLine(statistic) }, lines))));
        const row = line => element("tr", {}, ...[
            number(line.number), new Date(line.at).toLocaleString(), number(line.seconds, 3), number(line.read), number(line.changed),
            "+" + number(line.rows_added), "−" + number(line.rows_removed), number(line.branches), number(line.total_length),
        ].map(text => element("td", { text })));
        const heads = ["epoch", "ended", "seconds", "chunks read", "changed", "rows that came", "rows that went", "branches", "total length, " + unit()];
        place("changes").replaceChildren(element("table", {},
            element("thead", {}, element("tr", {}, ...heads.map(text => element("th", { scope: "col", text })))),
            element("tbody", {}, ...lines.slice(-200).reverse().map(row))));
    }

    // Shows the picture of an epoch when it has come, unless that of a later one has been asked for. Nothing waits for it, and it
    // is asked for again with the next event if it does not come.
    function picture(epoch) {
        if (same(pictured, epoch)) return;
        pictured = epoch;
        const next = element("img", { id: "picture", alt: `Projections of the image with its branches, after epoch ${epoch.number}` });
        next.addEventListener("load", () => {
            if (pictured !== epoch) return;
            place("picture").replaceWith(next);
            place("no-picture").hidden = true;
        });
        next.addEventListener("error", () => { if (pictured === epoch) pictured = null; });
        next.src = `overview.png?epoch=${epoch.number}-${epoch.at}`;
    }

    // The lines of all epochs up to the last.
    async function linesUntil(last) {
        const newest = lines.at(-1);
        if (!last || same(newest, last)) return lines;
        return last.number === (newest ? newest.number + 1 : 0) ? [...lines, last] : get("history.json");
    }

    // Shows what is known now; one call at a time, and none while nobody looks.
    async function refresh() {
        if (busy || document.hidden) { again = true; return; }
        busy = true;
        try {
            do {
                again = false;
                clearTimeout(retry);
                await show(now);
            } while (again && !document.hidden);
        } finally {
            busy = false;
        }
    }

    async function show({ version, epoch, ended }) {
        const shown = lines.at(-1);
        let map = null;
        try {
            lines = await linesUntil(epoch);
            if (!ended || !same(shown, epoch)) map = await get("map.json");
        } catch (error) {
            // The connection is lost, which the status tells, or the program is busy.
            console.info(String(error));
            if (!ended && connection.state !== "gone") retry = setTimeout(refresh, RETRY);
        }
        if (now.version !== version) again = true;
        figures();
        if (map) chunkMap.show(map, now.summary?.parameters?.spacing);
        if (!same(shown, lines.at(-1))) history();
        if (epoch) picture(epoch);
    }

    connection.follow({
        state: status,
        progress(told) {
            progress = told;
            status();
        },
        epoch(told) {
            now = told;
            if (!now.working) progress = null;
            if (now.ended) connection.end();
            status();
            refresh();
        },
    });
    document.addEventListener("visibilitychange", () => { if (!document.hidden && now) refresh(); });
    status();
})();
