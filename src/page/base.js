"use strict";
// What every page's scripts build on: data of the page, elements, numbers as people read them.
const page = (() => {
    const SVG = "http://www.w3.org/2000/svg";

    // The data that the page holds under a name; undefined if there are none.
    function data(id) {
        const element = document.getElementById(id);
        return element ? JSON.parse(element.textContent) : undefined;
    }

    // The bytes that a text in base64 stands for.
    function bytesOf(text) {
        const characters = atob(text);
        const bytes = new Uint8Array(characters.length);
        for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
        return bytes;
    }

    async function inflate(bytes) {
        const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
        return new Uint8Array(await new Response(stream).arrayBuffer());
    }

    // A column of 32-bit words whose lowest bytes come first, then the next ones.
    function words(bytes, length) {
        const out = new Uint32Array(length);
        for (let i = 0; i < length; i++) {
            out[i] = bytes[i] | bytes[length + i] << 8 | bytes[2 * length + i] << 16 | bytes[3 * length + i] << 24;
        }
        return out;
    }

    // Columns of numbers that the page holds under a name, as typed arrays; an error if the browser cannot unpack them.
    async function columns(id) {
        const element = document.getElementById(id);
        const text = element.textContent, end = text.indexOf("\n");
        const head = JSON.parse(text.slice(0, end));
        const bytes = await inflate(bytesOf(text.slice(end + 1).trim()));
        element.textContent = "";
        if (bytes.length !== head.bytes) throw new Error("the data of this page are damaged: " + id);
        const found = {};
        let at = 0;
        for (const [name, kind, length, size] of head.columns) {
            const part = bytes.subarray(at, at + size);
            at += size;
            if (kind === "u8") { found[name] = part; continue; }
            if (kind === "i64" || kind === "u64") {
                const [low, high] = [0, 1].map(half => words(part.subarray(4 * half * length), length));
                const wide = kind === "i64" ? BigInt64Array : BigUint64Array;
                const whole = kind === "i64" ? BigInt.asIntN : BigInt.asUintN;
                found[name] = wide.from(low, (word, i) => whole(64, BigInt(high[i]) << 32n | BigInt(word)));
                continue;
            }
            const values = words(part, length);
            if (kind === "u32 differences") {
                for (let i = 0, last = 0; i < length; i++) {
                    last = (last + ((values[i] >>> 1) ^ -(values[i] & 1))) | 0;
                    values[i] = last;
                }
            }
            found[name] = kind === "f32" ? new Float32Array(values.buffer) : values;
        }
        return found;
    }

    function fill(element, attributes, children) {
        for (const [name, value] of Object.entries(attributes || {})) {
            if (value === undefined || value === null || value === false) continue;
            if (name === "text") element.textContent = value;
            else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
            else element.setAttribute(name, value === true ? "" : value);
        }
        for (const child of children) if (child !== null && child !== undefined) element.append(child);
        return element;
    }

    // An element of HTML: page.element("p", {class: "note", text: "…"}, child, …); `onclick` and such are listeners.
    const element = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);

    // An element of SVG, likewise.
    const svg = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

    // A number as people read it: four digits, groups of three, powers of ten where it is very small or large.
    function number(value, digits = 4) {
        if (value === null || value === undefined || Number.isNaN(value)) return "–";
        if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
        const size = Math.abs(value);
        let text;
        if (value === 0) text = "0";
        else if (size >= 1e9 || size < 1e-4) {
            const [mantissa, power] = value.toExponential(Math.max(0, digits - 2)).split("e");
            text = Number(mantissa) + " × 10" + superscript(Number(power));
        } else if (Number.isInteger(value) || size >= 10 ** digits) text = grouped(Math.round(value));
        else text = grouped(Number(value.toPrecision(digits)));
        return text.replace("-", "−");
    }

    // A number with a thin space between groups of three digits.
    function grouped(value) {
        const [whole, rest] = String(value).split(".");
        const parts = whole.length > 4 + (value < 0) ? whole.replace(/\B(?=(\d{3})+$)/g, "\u202f") : whole;
        return rest === undefined ? parts : parts + "." + rest;
    }

    const superscript = power => String(power).replace("-", "⁻").replace(/\d/g, digit => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);

    // The value of a custom property of the style, such as "--text".
    const property = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

    // Calls `act` when the reader changes between light and dark.
    function onTheme(act) {
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", act);
        addEventListener("beforeprint", act);
        addEventListener("afterprint", act);
    }

    // Shows what went wrong where a part of the page should be.
    function fail(host, error) {
        host.replaceChildren(element("p", { class: "notice", role: "alert", text: String(error && error.message || error) }));
        console.error(error);
    }

    return { data, columns, bytesOf, inflate, element, svg, number, grouped, property, onTheme, fail };
})();

// The navigation marks the section that is in view.
(() => {
    const links = new Map([...document.querySelectorAll("nav a")].map(link => [link.hash.slice(1), link]));
    if (!links.size || !("IntersectionObserver" in window)) return;
    const seen = new Set();
    const observer = new IntersectionObserver(entries => {
        for (const entry of entries) entry.isIntersecting ? seen.add(entry.target.id) : seen.delete(entry.target.id);
        const first = [...links.keys()].find(id => seen.has(id));
        for (const [id, link] of links) id === first ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
    }, { rootMargin: "-64px 0px -55% 0px" });
    for (const id of links.keys()) observer.observe(document.getElementById(id));
})();
