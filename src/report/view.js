"use strict";
// The view of the network: builds the scene, and answers to mouse, touch and keyboard.
report.view = host => {
    const { element, number } = page;
    const { facts, state } = report;
    const isFlat = facts.dimensions === 2;
    let canvas = element("canvas", {
        tabindex: "0", role: "img", "aria-describedby": "view-help",
        "aria-label": `${isFlat ? "View" : "3-D view"} of ${number(report.rows)} branches`,
    });
    const status = element("p", { class: "view-status", role: "status" });
    const legend = element("div", { class: "view-legend" });
    const scale = element("div", { class: "view-scale", "aria-hidden": "true" });
    const stage = element("div", { class: "stage" }, canvas, scale);
    const choices = colours.choices();
    const choose = element("select", { id: "colour-by", onchange: () => recolour() },
        ...choices.map(choice => element("option", { value: choice.key, text: choice.name })));
    const thickness = element("input", { type: "range", id: "thickness", min: "0", max: "2", step: "0.05", value: "1", oninput: () => redraw() });
    const button = (text, title, act) => element("button", { type: "button", text, title, onclick: act });
    const light = button("Light", "Light background", () => { lit = !lit; stage.classList.toggle("lit", lit); light.setAttribute("aria-pressed", lit); redraw(); });
    const controls = element("div", { class: "controls" },
        element("label", {}, "Colour", choose),
        facts.hasRadii ? element("label", {}, "Thickness", thickness) : null,
        button("Reset", "Show the whole network (0)", () => look()),
        ...(isFlat ? [] : [["XY", 2, "z"], ["XZ", 1, "y"], ["YZ", 0, "x"]].map(([name, axis, key]) => button(name, `Look along ${key} (${key})`, () => look(axis)))),
        light,
        button("Save picture", "Save what is shown as PNG", save),
        stage.requestFullscreen ? button("Full screen", "Fill the screen (f)", fullscreen) : null);
    const help = element("p", { class: "note", id: "view-help", text: (isFlat ? "Drag to move" : "Drag to turn, with Shift or two fingers to move")
        + ", pinch or use the wheel to zoom (after a click), click a branch for its numbers. Keys: arrows " + (isFlat ? "move" : "turn, with Shift move")
        + ", + and − zoom, 0 shows everything." });
    host.append(controls, stage, legend, status, help);

    const detail = element("p", { class: "note", role: "status" });
    help.before(detail);
    // `share` of the lines is drawn while the view moves, `most` when it rests: the longest branches.
    let pen = null, lit = false, rank, order, colour, frame = 0, moving = false, rest = 0, share = 1, most = 1, last = 0;
    const eye = camera(isFlat);
    const half = facts.extent.slice().reverse().map(side => side / Math.max(...facts.extent));
    if (isFlat) half[2] = 0;

    try { pen = tubes(canvas); } catch (error) {
        // A canvas whose context could not be used has no other one.
        console.warn(error);
        const fresh = canvas.cloneNode();
        canvas.replaceWith(fresh);
        canvas = fresh;
    }
    if (!pen) {
        pen = flat(canvas);
        stage.before(element("p", { class: "notice", role: "note", text: "This browser has no WebGL 2 here: the network is drawn as plain lines, without thickness." }));
    }
    build();
    recolour();
    look();
    pace();
    new ResizeObserver(() => { resize(); redraw(); }).observe(stage);
    canvas.addEventListener("webglcontextrestored", () => { pen.restore(); recolour(); });
    report.on("filter", recolour);
    report.on("select", () => { tell(); redraw(); });
    page.onTheme(redraw);

    // The points of all lines, the longest branches first, after the edges of the image.
    function build() {
        const { lines, branches, rows } = report, unit = 2 / Math.max(...facts.extent), [sz, sy, sx] = facts.spacing, [ez, ey, ex] = facts.extent;
        order = Uint32Array.from({ length: rows }, (_, row) => row);
        order.sort((a, b) => branches.length[b] - branches.length[a] || a - b);
        const edges = box(half), count = lines.z.length, places = new Float32Array(4 * (edges.length / 4 + count)), of = new Uint32Array(edges.length / 4 + count);
        places.set(edges);
        of.fill(0xffffff);
        rank = new Uint32Array(rows);
        let at = edges.length / 4;
        const radius = facts.hasRadii ? facts.largestRadius * unit : 0;
        for (const row of order) {
            rank[row] = at;
            for (let i = lines.first[row]; i < lines.first[row + 1]; i++, at++) {
                places[4 * at] = ((lines.x[i] + 0.5) * sx - ex / 2) * unit;
                places[4 * at + 1] = -((lines.y[i] + 0.5) * sy - ey / 2) * unit;
                places[4 * at + 2] = isFlat ? 0 : -((lines.z[i] + 0.5) * sz - ez / 2) * unit;
                places[4 * at + 3] = (lines.r[i] / 255) ** 2 * radius + 1e-9;
                of[at] = row;
            }
            places[4 * (at - 1) + 3] *= -1;
        }
        pen.set(places, of, edges.length / 4);
    }

    // The edges of the image, as lines of two points.
    function box([x, y, z]) {
        const points = [];
        for (let axis = 0; axis < 3; axis++) {
            for (let side = 0; side < 4; side++) {
                const others = [0, 1, 2].filter(other => other !== axis), from = [0, 0, 0];
                others.forEach((other, i) => { from[other] = (side >> i & 1 ? 1 : -1) * [x, y, z][other]; });
                for (const end of [-1, 1]) {
                    from[axis] = end * [x, y, z][axis];
                    points.push(...from, end > 0 ? -1e-9 : 1e-9);
                }
            }
        }
        return points;
    }

    function recolour() {
        const choice = choices.find(({ key }) => key === choose.value), made = colours.of(choice), { lines, rows } = report;
        colour = new Uint8Array(4 * pen.points());
        const edges = pen.points() - lines.z.length;
        for (let i = 0; i < edges; i++) colour.set([110, 122, 134, 255], 4 * i);
        for (let row = 0; row < rows; row++) {
            const seen = !state.visible || state.visible[row] ? 255 : 0, count = lines.first[row + 1] - lines.first[row];
            for (let i = rank[row]; i < rank[row] + count; i++) {
                colour[4 * i] = made.bytes[3 * row];
                colour[4 * i + 1] = made.bytes[3 * row + 1];
                colour[4 * i + 2] = made.bytes[3 * row + 2];
                colour[4 * i + 3] = seen;
            }
        }
        pen.paint(colour);
        legend.replaceChildren(colours.legend(choice, made));
        redraw();
    }

    function tell() {
        const row = state.selected;
        if (row < 0) { status.textContent = ""; return; }
        const { branches } = report, unit = facts.unit;
        const parts = [`Branch ${branches.id[row]}`, report.KINDS[branches.kind[row]], `length ${number(branches.length[row])} ${unit}`];
        if (branches.radius) parts.push(`mean radius ${number(branches.radius[row])} ${unit}`);
        if (Number.isFinite(branches.tortuosity[row])) parts.push(`tortuosity ${number(branches.tortuosity[row])}`);
        parts.push(`skeleton ${branches.skeleton[row]}`);
        if (branches.flags[row] & report.BORDER) parts.push("touches the border");
        status.textContent = parts.join(" · ");
    }

    function options() {
        const emphasis = state.selected < 0 ? [] : [[rank[state.selected], rank[state.selected] + report.lines.points[state.selected]]];
        return { thick: facts.hasRadii ? Number(thickness.value) : 0, back: lit ? [0.965, 0.97, 0.975] : [0.055, 0.075, 0.095], emphasis, share: moving ? Math.min(share, most) : most };
    }

    function resize() {
        const ratio = Math.min(2, devicePixelRatio || 1), [width, height] = [stage.clientWidth, stage.clientHeight].map(side => Math.max(1, Math.round(side * ratio)));
        if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    }

    // Times a part of the drawing. A browser without a graphics card draws no more than it manages in a moment.
    function pace() {
        const part = Math.min(1, 20000 / pen.points()), took = pen.time(eye.matrix(canvas.height), { ...options(), share: part }) / part;
        share = Math.min(1, 40 / took);
        most = Math.min(1, 1200 / took);
        detail.textContent = most < 1 ? `This browser draws without a graphics card: the view shows ${Math.max(1, Math.round(most * 100))} % of the lines, the longest branches.` : "";
    }

    function redraw() {
        if (!frame) frame = requestAnimationFrame(paint);
    }

    function paint(now) {
        frame = 0;
        resize();
        // While it moves, as much is drawn as takes a thirtieth of a second.
        if (moving && last) {
            const took = now - last;
            if (took > 45) share = Math.max(0.01, share * 0.75);
            else if (took < 22) share = Math.min(1, share * 1.15);
        }
        last = moving ? now : 0;
        pen.draw(eye.matrix(canvas.height), options());
        measure();
        canvas.dataset.drawn = "true";
    }

    // A bar of a round length at the depth of the point that the camera turns round.
    function measure() {
        const perPixel = Math.max(...facts.extent) / 2 / (eye.matrix(stage.clientHeight).focal / eye.distance);
        const most = perPixel * Math.min(160, stage.clientWidth / 3), power = 10 ** Math.floor(Math.log10(most));
        const length = [5, 2, 1].map(factor => factor * power).find(length => length <= most);
        scale.replaceChildren(element("span", { style: `width:${(length / perPixel).toFixed(1)}px` }), `${number(length)} ${facts.unit}`);
        scale.classList.toggle("dark", lit);
    }

    // Draws coarsely until nothing has moved for a moment.
    function move() {
        moving = true;
        clearTimeout(rest);
        rest = setTimeout(() => { moving = false; redraw(); }, 160);
        redraw();
    }

    function look(axis) {
        resize();
        const aspect = stage.clientWidth / Math.max(1, stage.clientHeight);
        axis === undefined ? eye.reset(half, aspect) : eye.along(axis, half, aspect);
        redraw();
    }

    function save() {
        pen.draw(eye.matrix(canvas.height), { ...options(), share: most });
        element("a", { href: canvas.toDataURL("image/png"), download: "network.png" }).click();
    }

    function fullscreen() {
        document.fullscreenElement ? document.exitFullscreen() : stage.requestFullscreen();
    }

    const keys = {
        ArrowLeft: e => e.shiftKey || isFlat ? eye.pan(-0.05, 0) : eye.rotate(-0.1, 0),
        ArrowRight: e => e.shiftKey || isFlat ? eye.pan(0.05, 0) : eye.rotate(0.1, 0),
        ArrowUp: e => e.shiftKey || isFlat ? eye.pan(0, -0.05) : eye.rotate(0, -0.1),
        ArrowDown: e => e.shiftKey || isFlat ? eye.pan(0, 0.05) : eye.rotate(0, 0.1),
        "+": () => eye.zoom(0.85), "=": () => eye.zoom(0.85), "-": () => eye.zoom(1 / 0.85),
        0: () => look(), Home: () => look(), f: fullscreen, Escape: () => report.select(-1),
        x: () => isFlat || look(0), y: () => isFlat || look(1), z: () => isFlat || look(2),
    };
    stage.addEventListener("keydown", event => {
        if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
        event.preventDefault();
        keys[event.key](event);
        move();
    });
    report.gestures(stage, {
        drag: (right, down, panning) => {
            const height = stage.clientHeight;
            panning || isFlat ? eye.pan(right / height, down / height) : eye.rotate(right / height * 3.6, down / height * 3.6);
            move();
        },
        zoom: factor => { eye.zoom(factor); move(); },
        click: (x, y) => {
            const ratio = canvas.width / Math.max(1, stage.clientWidth);
            report.select(pen.pick(eye.matrix(canvas.height), options(), Math.round(x * ratio), canvas.height - 1 - Math.round(y * ratio)));
            redraw();
        },
        isActive: () => stage.contains(document.activeElement) || Boolean(document.fullscreenElement),
        activate: () => canvas.focus({ preventScroll: true }),
    });
};
