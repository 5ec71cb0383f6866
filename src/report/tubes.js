"use strict";
// The network by WebGL2: each piece of a line is a rectangle that faces the screen, shaded as a tube with round ends.
//
// Points of the more important branches come first, so that a part of the buffer is the network in less detail: while it moves, as
// much is drawn as the machine manages.
const tubes = canvas => {
    const gl = canvas.getContext("webgl2", { antialias: true, alpha: false, preserveDrawingBuffer: true });
    if (!gl) return null;

    const VERTEX = `#version 300 es
    precision highp float;
    layout(location=0) in vec4 a; layout(location=1) in vec4 b; layout(location=2) in vec4 colour; layout(location=3) in uint branch;
    uniform mat3 turn; uniform vec3 offset; uniform vec2 size; uniform float focal, thick, least; uniform vec2 depth; uniform bool picking;
    flat out vec2 pa, pb, width; flat out vec3 tint; out vec2 place; out float far; flat out float bulge;
    void main() {
        vec3 ea = turn * a.xyz + offset, eb = turn * b.xyz + offset;
        float near = depth.x;
        // The last point of a line begins no piece, and a hidden branch has none.
        if (a.w < 0.0 || colour.a == 0.0 || ea.z > -near || eb.z > -near) { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); return; }
        pa = ea.xy * focal / -ea.z; pb = eb.xy * focal / -eb.z;
        width = max(vec2(least), vec2(a.w, abs(b.w)) * thick * focal / vec2(-ea.z, -eb.z));
        vec2 along = pb - pa; float length_ = length(along);
        vec2 d = length_ > 1e-4 ? along / length_ : vec2(1.0, 0.0), n = vec2(-d.y, d.x);
        float widest = max(width.x, width.y) + 1.0;
        float side = float((gl_VertexID & 1) * 2 - 1);
        bool end = gl_VertexID > 1;
        place = (end ? pb + d * widest : pa - d * widest) + n * side * widest;
        float z = end ? -eb.z : -ea.z;
        far = (z - depth.x) / (depth.y - depth.x);
        bulge = z / focal / (depth.y - depth.x);
        tint = picking ? vec3(float(branch & 255u), float(branch >> 8u & 255u), float(branch >> 16u & 255u)) / 255.0 : colour.rgb;
        gl_Position = vec4(place / size * 2.0, clamp(far, 0.0, 1.0) * 2.0 - 1.0, 1.0);
    }`;
    const FRAGMENT = `#version 300 es
    precision highp float;
    flat in vec2 pa, pb, width; flat in vec3 tint; in vec2 place; in float far; flat in float bulge;
    uniform vec3 back; uniform float haze; uniform bool picking, chosen;
    out vec4 shown;
    void main() {
        vec2 along = pb - pa; float squared = dot(along, along);
        float t = squared > 1e-8 ? clamp(dot(place - pa, along) / squared, 0.0, 1.0) : 0.0;
        float w = mix(width.x, width.y, t), off = length(place - pa - along * t);
        float cover = clamp(w - off + 0.5, 0.0, 1.0);
        if (cover <= 0.0) discard;
        float across = min(1.0, off / w), facing = sqrt(1.0 - across * across);
        // The depth of the tube's surface: pieces meet without a seam.
        gl_FragDepth = clamp(far - facing * w * bulge, 0.0, 1.0);
        if (picking) { shown = vec4(tint, 1.0); return; }
        float light = w > 1.6 ? 0.5 + 0.5 * facing : 0.95;
        float gleam = w > 2.5 ? 0.18 * pow(facing, 14.0) : 0.0;
        vec3 paint = chosen ? vec3(1.0, 0.24, 0.42) : tint;
        shown = vec4(mix(paint * light + gleam, back, haze * clamp(far * far, 0.0, 1.0)), cover);
    }`;

    function shader(kind, source) {
        const made = gl.createShader(kind);
        gl.shaderSource(made, source);
        gl.compileShader(made);
        if (!gl.getShaderParameter(made, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(made) || "the shader does not compile");
        return made;
    }

    let program, uniforms, buffers, target;
    let points = 0, box = 0, data = null;

    function prepare() {
        program = gl.createProgram();
        gl.attachShader(program, shader(gl.VERTEX_SHADER, VERTEX));
        gl.attachShader(program, shader(gl.FRAGMENT_SHADER, FRAGMENT));
        gl.linkProgram(program);
        if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
        uniforms = Object.fromEntries(["turn", "offset", "size", "focal", "thick", "least", "depth", "picking", "back", "haze", "chosen"].map(name => [name, gl.getUniformLocation(program, name)]));
        buffers = { place: gl.createBuffer(), colour: gl.createBuffer(), branch: gl.createBuffer() };
        target = null;
        if (data) fill();
    }

    // Points as (x, y, z, radius) with the branch of each; the first `box` of them are the edges of the image.
    function set(places, branches, edges) {
        data = { places, branches, colour: new Uint8Array(branches.length * 4) };
        points = branches.length;
        box = edges;
        fill();
    }

    function fill() {
        for (const [buffer, values] of [[buffers.place, data.places], [buffers.branch, data.branches], [buffers.colour, data.colour]]) {
            gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
            gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
        }
    }

    // The colours of all points, four bytes each; 0 for the last one hides.
    function paint(colour) {
        data.colour = colour;
        gl.bindBuffer(gl.ARRAY_BUFFER, buffers.colour);
        gl.bufferData(gl.ARRAY_BUFFER, colour, gl.DYNAMIC_DRAW);
    }

    // Draws the pieces between two points.
    function pieces(from, to) {
        const count = to - from - 1;
        if (count < 1) return;
        gl.bindBuffer(gl.ARRAY_BUFFER, buffers.place);
        gl.vertexAttribPointer(0, 4, gl.FLOAT, false, 16, 16 * from);
        gl.vertexAttribPointer(1, 4, gl.FLOAT, false, 16, 16 * (from + 1));
        gl.bindBuffer(gl.ARRAY_BUFFER, buffers.colour);
        gl.vertexAttribPointer(2, 4, gl.UNSIGNED_BYTE, true, 4, 4 * from);
        gl.bindBuffer(gl.ARRAY_BUFFER, buffers.branch);
        gl.vertexAttribIPointer(3, 1, gl.UNSIGNED_INT, 4, 4 * from);
        for (let place = 0; place < 4; place++) { gl.enableVertexAttribArray(place); gl.vertexAttribDivisor(place, 1); }
        gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, count);
    }

    // Draws `share` of the network; `emphasis` are ranges of points that are drawn thicker, over all others.
    function draw(matrix, { thick, back, share = 1, emphasis = [], picking = false }) {
        const { width, height } = canvas;
        gl.viewport(0, 0, width, height);
        gl.clearColor(...(picking ? [1, 1, 1] : back), 1);
        gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
        gl.enable(gl.DEPTH_TEST);
        picking ? gl.disable(gl.SAMPLE_ALPHA_TO_COVERAGE) : gl.enable(gl.SAMPLE_ALPHA_TO_COVERAGE);
        gl.useProgram(program);
        gl.uniformMatrix3fv(uniforms.turn, true, matrix.r);
        gl.uniform3fv(uniforms.offset, matrix.offset);
        gl.uniform2f(uniforms.size, width, height);
        gl.uniform1f(uniforms.focal, matrix.focal);
        gl.uniform1f(uniforms.thick, thick);
        gl.uniform2f(uniforms.depth, Math.max(0.004, matrix.distance - 1.8), matrix.distance + 1.8);
        gl.uniform1i(uniforms.picking, picking ? 1 : 0);
        gl.uniform3fv(uniforms.back, back);
        gl.uniform1f(uniforms.haze, 0.75);
        gl.uniform1i(uniforms.chosen, 0);
        const scale = Math.max(1, height / 700);
        gl.uniform1f(uniforms.least, picking ? 3 * scale : 0.7 * scale);
        if (box && !picking) pieces(0, box);
        pieces(box, box + Math.max(2, Math.ceil((points - box) * share)));
        gl.uniform1f(uniforms.least, 3 * scale);
        gl.uniform1f(uniforms.haze, 0);
        gl.uniform1i(uniforms.chosen, 1);
        if (!picking) { gl.disable(gl.DEPTH_TEST); for (const [from, to] of emphasis) pieces(from, to); }
    }

    // The branch at a pixel, or -1.
    function pick(matrix, options, x, y) {
        const { width, height } = canvas;
        if (!target || target.width !== width || target.height !== height) {
            target = { width, height, frame: gl.createFramebuffer(), colour: gl.createRenderbuffer(), depth: gl.createRenderbuffer() };
            gl.bindFramebuffer(gl.FRAMEBUFFER, target.frame);
            for (const [buffer, format, place] of [[target.colour, gl.RGBA8, gl.COLOR_ATTACHMENT0], [target.depth, gl.DEPTH_COMPONENT16, gl.DEPTH_ATTACHMENT]]) {
                gl.bindRenderbuffer(gl.RENDERBUFFER, buffer);
                gl.renderbufferStorage(gl.RENDERBUFFER, format, width, height);
                gl.framebufferRenderbuffer(gl.FRAMEBUFFER, place, gl.RENDERBUFFER, buffer);
            }
        }
        gl.bindFramebuffer(gl.FRAMEBUFFER, target.frame);
        gl.enable(gl.SCISSOR_TEST);
        gl.scissor(x, y, 1, 1);
        draw(matrix, { ...options, picking: true });
        const found = new Uint8Array(4);
        gl.readPixels(x, y, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, found);
        gl.disable(gl.SCISSOR_TEST);
        gl.bindFramebuffer(gl.FRAMEBUFFER, null);
        const branch = found[0] | found[1] << 8 | found[2] << 16;
        return branch === 0xffffff ? -1 : branch;
    }

    // Milliseconds that a drawing takes, the graphics card's work included.
    function time(matrix, options) {
        const pixel = new Uint8Array(4), wait = () => gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
        wait();
        const began = performance.now();
        draw(matrix, options);
        wait();
        return performance.now() - began;
    }

    prepare();
    canvas.addEventListener("webglcontextlost", event => event.preventDefault());
    return { set, paint, draw, pick, time, restore: prepare, points: () => points };
};
