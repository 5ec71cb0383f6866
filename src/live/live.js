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
    // Milliseconds after which is asked again for what did not come.
    const RETRY = 2000;
    let lines = [], now = null, connected = false, progress = null, shownVersion = -1, pictured = -1, busy = false, again = false;

    const get = async name => {
        const answer = await fetch(name, { cache: "no-store" });
        if (!answer.ok) throw new Error(`${name}: the program answers ${answer.status}`);
        return answer;
    };
    const unit = () => now?.summary?.parameters?.unit || "voxels";
    const ofLine = statistic => statistic.length ? unit() : "";

    function status() {
        const host = place("status");
        const last = now?.epoch;
        const parts = [element("span", { class: "dot" })];
        let kind = "";
        if (now?.ended) {
            kind = "ended";
            parts.push("The program has ended. This is what it found last.");
        } else if (!connected) {
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
        host.dataset.epoch = last ? last.number : "";
        host.replaceChildren(...parts.map(part => typeof part === "string" ? element("span", { text: part }) : part));
    }

    function figures() {
        const summary = now.summary;
        if (!summary) return place("figures").replaceChildren(element("p", { class: "note", text: "Results come with the first epoch." }));
        const before = lines.at(-2);
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

    // Shows the picture of an epoch once it has come, unless a later one has come before. Nothing waits for it: browsers put off
    // pictures that nobody sees.
    async function picture(version, { number: epoch }) {
        const image = place("picture"), next = new Image();
        next.src = `overview.png?version=${version}`;
        await next.decode();
        if (version < pictured) return;
        pictured = version;
        image.src = next.src;
        image.hidden = false;
        image.alt = `Projections of the image with its branches, after epoch ${epoch}`;
        place("no-picture").hidden = true;
    }

    // Shows what is known now; one call at a time, and none while nobody looks.
    async function refresh() {
        if (busy || document.hidden) { again = true; return; }
        busy = true;
        do {
            again = false;
            const version = now.version;
            try {
                figures();
                const map = await (await get("map.json")).json();
                chunkMap.show(map, now.summary?.parameters?.spacing);
                if (now.epoch && shownVersion !== now.epoch.number) {
                    if (lines.at(-1)?.number !== now.epoch.number) lines = await (await get("history.json")).json();
                    figures();
                    history();
                    shownVersion = now.epoch.number;
                    // Of some images there is no picture.
                    picture(now.version, now.epoch).catch(() => {});
                }
            } catch (error) {
                // The connection is lost, which the status tells, or the program is busy.
                console.info(String(error));
                setTimeout(refresh, RETRY);
            }
            if (now.version !== version) again = true;
        } while (again && !document.hidden);
        busy = false;
    }

    const source = new EventSource("events");
    source.addEventListener("open", () => { connected = true; status(); });
    source.addEventListener("error", () => { connected = false; status(); });
    source.addEventListener("progress", event => { progress = event.data ? JSON.parse(event.data) : null; status(); });
    source.addEventListener("epoch", event => {
        now = JSON.parse(event.data);
        connected = true;
        if (!now.working) progress = null;
        if (now.ended) source.close();
        status();
        refresh();
    });
    document.addEventListener("visibilitychange", () => { if (!document.hidden && now) refresh(); });
    status();
})();
