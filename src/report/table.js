"use strict";
// The table of branches: sorts and filters, and builds only the rows that are in view.
report.table = host => {
    const { element, number, grouped } = page;
    const { branches, facts, rows, KINDS, BORDER } = report;
    const ROW = 32, TALLEST = 8e6;
    const unit = facts.unit, cubed = unit.includes(" ") ? "" : `${unit}³`;
    const columns = [
        { key: "id", name: "Branch", text: row => String(branches.id[row]), whole: true },
        { key: "kind", name: "Kind", text: row => KINDS[branches.kind[row]], isText: true },
        { key: "length", name: "Length", unit },
        { key: "chord", name: "Straight", unit },
        { key: "tortuosity", name: "Tortuosity" },
        { key: "radius", name: "Mean radius", unit },
        { key: "volume", name: "Volume", unit: cubed },
        { key: "value", name: "Image value" },
        { key: "skeleton", name: "Skeleton", text: row => String(branches.skeleton[row]), whole: true },
        { key: "label", name: "Label", text: row => String(branches.label[row]), whole: true },
        { key: "region", name: "Region", text: row => String(branches.region[row]), whole: true },
        { key: "flags", name: "Border", text: row => branches.flags[row] & BORDER ? "touches" : "", isText: true, order: row => branches.flags[row] & BORDER, present: facts.hasBorder },
    ].filter(({ key, present = true }) => branches[key] && present);

    // Filters: kinds, the border, and a range of each number.
    const wanted = new Set(KINDS.map((_, kind) => kind));
    const ranges = new Map();
    let border = "all", sorted = { key: "id", descending: false }, order = new Uint32Array(0), active = 0;

    const count = element("p", { class: "table-count", role: "status" });
    const kinds = element("div", { class: "filter-kinds", role: "group", "aria-label": "Kinds of branches" }, ...KINDS.map((name, kind) => {
        const box = element("input", { type: "checkbox", checked: true, onchange: () => { box.checked ? wanted.add(kind) : wanted.delete(kind); filter(); } });
        return element("label", {}, box, element("span", { class: `swatch kind-${kind}` }), name);
    }));
    const ofBorder = facts.hasBorder ? element("label", {}, "Border", element("select", { id: "filter-border", onchange: event => { border = event.target.value; filter(); } },
        ...[["all", "all"], ["inside", "inside"], ["touches", "touching"]].map(([value, text]) => element("option", { value, text })))) : null;
    const bounds = element("div", { class: "filter-ranges" }, ...columns.filter(column => !column.isText).map(column => {
        const input = (end, text) => element("input", {
            type: "text", inputmode: "decimal", placeholder: text, size: "7", id: `${column.key}-${end}`, "aria-label": `${column.name}, ${end === "min" ? "least" : "largest"}`,
            oninput: event => bound(column.key, end, event.target),
        });
        return element("div", { class: "range" }, element("span", { text: column.name + (column.unit ? ` (${column.unit})` : "") }), input("min", "from"), "–", input("max", "to"));
    }));
    const clear = element("button", { type: "button", text: "Clear filters", onclick: () => reset() });
    const save = element("button", { type: "button", text: "Save as CSV", title: "The rows that pass the filters, in this order", onclick: () => download() });
    const filters = element("details", { class: "filters" }, element("summary", { text: "Ranges" }), bounds);
    const head = element("div", { class: "grid-row grid-head", role: "row" }, ...columns.map(column => element("div", { role: "columnheader", "aria-sort": "none", "data-key": column.key, class: column.isText ? "text" : null },
        element("button", { type: "button", onclick: () => sort(column.key) }, column.name, element("span", { class: "arrow" }), column.unit ? element("small", { text: column.unit }) : null))));
    const spacer = element("div", { class: "grid-spacer" });
    const body = element("div", { class: "grid-body", role: "rowgroup" }, spacer);
    const grid = element("div", { class: "rows", role: "grid", tabindex: "0", "aria-label": "Branches", "aria-colcount": String(columns.length), style: `--columns:${columns.length}` }, element("div", { role: "rowgroup", class: "grid-top" }, head), body);
    host.append(element("div", { class: "controls" }, kinds, ofBorder, clear, save), filters, count, grid,
        element("p", { class: "note", text: (rows < facts.branches ? `The ${grouped(rows)} longest of ${grouped(facts.branches)} branches. ` : "") + "The view above shows the branches that pass the filters. Arrows, Page Up and Page Down move through the rows. Numbers have four digits here; branches.csv has all." }));

    function bound(key, end, input) {
        const text = input.value.trim().replace(",", ".").replace("−", "-");
        // Labels may have more digits than a number.
        const value = typeof branches[key][0] === "bigint" && /^-?\d+$/.test(text) ? BigInt(text) : Number(text);
        input.setAttribute("aria-invalid", String(text !== "" && Number.isNaN(value)));
        const range = ranges.get(key) || {};
        range[end] = text === "" || Number.isNaN(value) ? undefined : value;
        ranges.set(key, range);
        filter();
    }

    function reset() {
        ranges.clear();
        KINDS.forEach((_, kind) => wanted.add(kind));
        border = "all";
        for (const input of host.querySelectorAll("input")) input.type === "checkbox" ? input.checked = true : (input.value = "", input.removeAttribute("aria-invalid"));
        if (ofBorder) ofBorder.querySelector("select").value = "all";
        filter();
    }

    function filter() {
        const mask = new Uint8Array(rows), limits = [...ranges].filter(([, { min, max }]) => min !== undefined || max !== undefined).map(([key, { min = -Infinity, max = Infinity }]) => [branches[key], min, max]);
        let passing = 0;
        for (let row = 0; row < rows; row++) {
            const touches = branches.flags[row] & BORDER;
            if (!wanted.has(branches.kind[row]) || (border === "inside" && touches) || (border === "touches" && !touches)) continue;
            if (limits.every(([values, min, max]) => values[row] >= min && values[row] <= max)) { mask[row] = 1; passing++; }
        }
        order = new Uint32Array(passing);
        for (let row = 0, at = 0; row < rows; row++) if (mask[row]) order[at++] = row;
        arrange();
        report.show(passing === rows ? null : mask);
    }

    // Sorts what passes; rows without a value come last.
    function arrange() {
        const column = columns.find(({ key }) => key === sorted.key), values = column.order ? Float64Array.from(branches.id, (_, row) => column.order(row)) : branches[sorted.key], sign = sorted.descending ? -1 : 1;
        if (sorted.key === "id") { order.sort(); if (sorted.descending) order.reverse(); } else {
            order.sort((a, b) => {
                const [x, y] = [values[a], values[b]];
                if (x === y) return a - b;
                if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
                return x < y ? -sign : sign;
            });
        }
        for (const cell of head.children) cell.setAttribute("aria-sort", cell.dataset.key !== sorted.key ? "none" : sorted.descending ? "descending" : "ascending");
        let length = 0;
        for (const row of order) length += branches.length[row];
        count.textContent = order.length === rows ? `${grouped(rows)} branches` : `${grouped(order.length)} of ${grouped(rows)} branches, ${number(length)} ${unit} long together`;
        grid.setAttribute("aria-rowcount", String(order.length + 1));
        spacer.style.height = `${Math.min(TALLEST, order.length * ROW)}px`;
        active = 0;
        grid.scrollTop = 0;
        render();
    }

    function sort(key) {
        const numeric = !columns.find(column => column.key === key).isText && key !== "id";
        sorted = { key, descending: sorted.key === key ? !sorted.descending : numeric };
        arrange();
    }

    // Very long tables scroll in proportion: a browser's elements have a largest height.
    const room = () => Math.max(1, grid.clientHeight - head.offsetHeight);
    const ratio = () => {
        const full = order.length * ROW - room(), shown = Math.min(TALLEST, order.length * ROW) - room();
        return shown > 0 ? full / shown : 1;
    };

    function render() {
        const top = grid.scrollTop * ratio(), first = Math.max(0, Math.floor(top / ROW) - 2), last = Math.min(order.length, first + Math.ceil(room() / ROW) + 5);
        const made = [];
        for (let place = first; place < last; place++) {
            const row = order[place];
            made.push(element("div", {
                class: "grid-row" + (row === report.state.selected ? " selected" : "") + (place === active ? " active" : ""), role: "row", id: `row-${place}`, "aria-rowindex": String(place + 2),
                "aria-selected": String(row === report.state.selected), style: `transform:translateY(${(place * ROW - top + grid.scrollTop).toFixed(1)}px)`, onclick: () => { active = place; report.select(row); render(); },
            }, ...columns.map(column => element("div", { role: "gridcell", class: column.isText ? "text" : null }, column.key === "kind" ? element("span", { class: `swatch kind-${branches.kind[row]}` }) : null,
                column.text ? column.text(row) : number(branches[column.key][row])))));
        }
        body.replaceChildren(spacer, ...made);
        order.length ? grid.setAttribute("aria-activedescendant", `row-${active}`) : grid.removeAttribute("aria-activedescendant");
        if (!order.length) body.append(element("p", { class: "note grid-none", text: rows ? "No branch passes the filters." : "There is no branch." }));
    }

    function go(place) {
        active = Math.min(order.length - 1, Math.max(0, place));
        const top = active * ROW / ratio();
        if (top < grid.scrollTop) grid.scrollTop = top;
        else if (top + ROW > grid.scrollTop + room()) grid.scrollTop = top + ROW - room();
        render();
    }

    function download() {
        const named = columns.filter(column => column.key !== "flags").map(column => column.key === "id" ? "branch_id" : column.key);
        const lines = [named.join(",")];
        for (const row of order) lines.push(columns.filter(column => column.key !== "flags").map(column => column.text ? column.text(row) : Number.isFinite(branches[column.key][row]) ? Number(branches[column.key][row].toPrecision(5)) : "").join(","));
        const link = element("a", { href: URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" })), download: "branches.csv" });
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }

    grid.addEventListener("scroll", () => requestAnimationFrame(render), { passive: true });
    grid.addEventListener("keydown", event => {
        if (event.target !== grid) return;
        const page_ = Math.max(1, Math.floor(room() / ROW) - 1);
        const moves = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page_, PageUp: active - page_, Home: 0, End: order.length - 1 };
        if (event.key in moves) go(moves[event.key]);
        else if (event.key === "Enter" || event.key === " ") { if (order.length) report.select(order[active]); render(); } else return;
        event.preventDefault();
    });
    report.on("select", () => {
        const place = order.indexOf(report.state.selected);
        place >= 0 && place !== active ? go(place) : render();
    });
    new ResizeObserver(() => render()).observe(grid);
    filter();
};
