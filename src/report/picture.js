"use strict";
// Gestures on a part of the page: dragging, pinching, the wheel and clicks, alike for mouse, pen and touch.
report.gestures = (host, { drag, zoom, click, isActive, activate }) => {
    const pointers = new Map();
    let moved = 0;
    const spread = () => {
        const [a, b] = [...pointers.values()];
        return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, size: Math.hypot(a.x - b.x, a.y - b.y) };
    };
    host.addEventListener("pointerdown", event => {
        if (event.button > 2) return;
        pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
        host.setPointerCapture(event.pointerId);
        if (pointers.size === 1) moved = 0;
        activate();
    });
    host.addEventListener("pointermove", event => {
        const before = pointers.get(event.pointerId);
        if (!before) return;
        const pair = pointers.size === 2 ? spread() : null;
        const [right, down] = [event.clientX - before.x, event.clientY - before.y];
        pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
        moved += Math.abs(right) + Math.abs(down);
        if (pair) {
            const now = spread();
            drag(now.x - pair.x, now.y - pair.y, true);
            if (now.size > 0 && pair.size > 0) zoom(pair.size / now.size);
        } else if (pointers.size === 1) drag(right, down, event.shiftKey || event.buttons === 2 || event.buttons === 4);
    });
    const end = event => {
        const was = pointers.delete(event.pointerId);
        if (was && event.type === "pointerup" && moved < 5 && event.button === 0 && click) {
            const box = host.getBoundingClientRect();
            click(event.clientX - box.left, event.clientY - box.top);
        }
    };
    host.addEventListener("pointerup", end);
    host.addEventListener("pointercancel", end);
    host.addEventListener("contextmenu", event => event.preventDefault());
    // The page scrolls on until this part of it has been clicked.
    host.addEventListener("wheel", event => {
        if (!isActive() && !event.ctrlKey) return;
        event.preventDefault();
        const lines = event.deltaMode === 1 ? 16 : 1;
        zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY * lines)) * 0.004));
    }, { passive: false });
};

// The picture of the projections, to zoom and pan.
report.picture = host => {
    const { element } = page;
    const image = host.querySelector("img");
    const window_ = element("div", { class: "stage picture-stage", tabindex: "0", role: "group", "aria-label": "Projections: arrows move, + and − zoom, 0 shows everything" });
    const state = { x: 0, y: 0, scale: 1 };
    host.append(window_);
    window_.append(image);
    image.draggable = false;

    function place() {
        const [width, height] = [window_.clientWidth, window_.clientHeight];
        const limit = side => Math.max(0, (state.scale - 1) * side / 2);
        state.x = Math.min(limit(width), Math.max(-limit(width), state.x));
        state.y = Math.min(limit(height), Math.max(-limit(height), state.y));
        image.style.transform = `translate(${state.x}px,${state.y}px) scale(${state.scale})`;
        image.style.imageRendering = state.scale > 4 ? "pixelated" : "auto";
    }
    const zoom = factor => {
        const scale = Math.min(40, Math.max(1, state.scale / factor));
        state.x *= scale / state.scale;
        state.y *= scale / state.scale;
        state.scale = scale;
        place();
    };
    const pan = (right, down) => { state.x += right; state.y += down; place(); };
    const reset = () => { Object.assign(state, { x: 0, y: 0, scale: 1 }); place(); };
    const button = (text, title, act) => element("button", { type: "button", text, title, onclick: act });
    host.prepend(element("div", { class: "controls" }, button("+", "Zoom in", () => zoom(0.7)), button("−", "Zoom out", () => zoom(1 / 0.7)), button("Reset", "Show everything", reset),
        document.fullscreenEnabled ? button("Full screen", "Fill the screen", () => document.fullscreenElement ? document.exitFullscreen() : window_.requestFullscreen()) : null));
    const keys = { ArrowLeft: () => pan(40, 0), ArrowRight: () => pan(-40, 0), ArrowUp: () => pan(0, 40), ArrowDown: () => pan(0, -40), "+": () => zoom(0.8), "=": () => zoom(0.8), "-": () => zoom(1.25), 0: reset, Home: reset };
    window_.addEventListener("keydown", event => {
        if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
        event.preventDefault();
        keys[event.key]();
    });
    report.gestures(window_, { drag: pan, zoom, click: null, isActive: () => window_.contains(document.activeElement), activate: () => window_.focus({ preventScroll: true }) });
};
