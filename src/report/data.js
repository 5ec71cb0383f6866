"use strict";
// The results as the parts of the page use them, and what they tell each other: which branches pass the filters, and which one is
// selected.
const report = (() => {
    const facts = page.data("report-data") || {};
    const KINDS = ["tip to tip", "tip to junction", "junction to junction", "cycle"];
    const BORDER = 4, PROVISIONAL = 8;
    const listeners = { filter: [], select: [], light: [] };
    const state = { visible: null, selected: -1 };

    const on = (event, act) => listeners[event].push(act);
    const tell = event => listeners[event].forEach(act => act());

    function show(mask) {
        state.visible = mask;
        tell("filter");
    }

    function select(row) {
        if (row === state.selected) return;
        state.selected = row;
        tell("select");
    }

    // Unpacks the columns: `branches` has a row for each branch, `lines` the points of all branches one after the other, from
    // `lines.first[row]` to `lines.first[row + 1]`.
    async function load() {
        const [branches, lines] = await Promise.all([page.columns("branches-data"), page.columns("lines-data")]);
        const rows = branches.id.length;
        const first = new Uint32Array(rows + 1);
        for (let row = 0; row < rows; row++) first[row + 1] = first[row] + lines.points[row];
        lines.first = first;
        branches.kind = branches.flags.map(flags => flags & 3);
        const [sz, sy, sx] = facts.spacing;
        const chord = new Float32Array(rows), tortuosity = new Float32Array(rows);
        for (let row = 0; row < rows; row++) {
            const a = first[row], b = first[row + 1] - 1;
            const z = (lines.z[b] - lines.z[a]) * sz, y = (lines.y[b] - lines.y[a]) * sy, x = (lines.x[b] - lines.x[a]) * sx;
            chord[row] = Math.sqrt(z * z + y * y + x * x);
            tortuosity[row] = branches.kind[row] === 3 || !chord[row] ? NaN : Math.max(1, branches.length[row] / chord[row]);
        }
        Object.assign(branches, { chord, tortuosity });
        Object.assign(report, { branches, lines, rows });
    }

    return { facts, KINDS, BORDER, PROVISIONAL, state, on, tell, show, select, load };
})();
