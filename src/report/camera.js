"use strict";
// A camera that turns round a point of the network. The scene is a box around zero whose longest side is 2.
const camera = flat => {
    const VIEW = 0.62;  // Angle of view, in radians.
    const self = { flat, rotation: identity(), target: [0, 0, 0], distance: 1 };
    const START = flat ? identity() : multiply(turn(0, 0.5), turn(1, -0.6));

    function identity() { return [1, 0, 0, 0, 1, 0, 0, 0, 1]; }

    // Rotation about the x-axis (0), y-axis (1) or z-axis (2) of the screen; matrices are by rows.
    function turn(axis, angle) {
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        return axis === 0 ? [1, 0, 0, 0, c, -s, 0, s, c] : axis === 1 ? [c, 0, s, 0, 1, 0, -s, 0, c] : [c, -s, 0, s, c, 0, 0, 0, 1];
    }

    function multiply(a, b) {
        return a.map((_, i) => {
            const row = 3 * Math.floor(i / 3), column = i % 3;
            return a[row] * b[column] + a[row + 1] * b[3 + column] + a[row + 2] * b[6 + column];
        });
    }

    // Looks at the whole box, of these half sides, in a window of this aspect.
    self.fit = (half, aspect) => {
        const slope = Math.tan(VIEW / 2);
        let distance = 1e-3;
        for (let corner = 0; corner < 8; corner++) {
            const point = half.map((side, axis) => corner >> axis & 1 ? side : -side);
            const [x, y, z] = [0, 3, 6].map(row => self.rotation.slice(row, row + 3).reduce((sum, r, axis) => sum + r * point[axis], 0));
            distance = Math.max(distance, z + Math.max(Math.abs(y), Math.abs(x) / aspect) / slope);
        }
        self.target = [0, 0, 0];
        self.distance = distance * 1.04;
    };

    self.reset = (half, aspect) => { self.rotation = [...START]; self.fit(half, aspect); };
    // Seen along an axis of the scene: 2 is the image's z.
    self.along = (axis, half, aspect) => {
        self.rotation = axis === 2 ? identity() : axis === 1 ? turn(0, Math.PI / 2) : turn(1, -Math.PI / 2);
        self.fit(half, aspect);
    };
    self.rotate = (right, down) => { if (!flat) self.rotation = multiply(multiply(turn(0, down), turn(1, right)), self.rotation); };
    self.roll = angle => { self.rotation = multiply(turn(2, angle), self.rotation); };
    self.zoom = factor => { self.distance = Math.min(40, Math.max(0.01, self.distance * factor)); };
    // Moves by shares of the window's height.
    self.pan = (right, down) => {
        const size = 2 * Math.tan(VIEW / 2) * self.distance, r = self.rotation;
        self.target = self.target.map((value, axis) => value - size * (right * r[axis] - down * r[3 + axis]));
    };

    // What shaders need: rotation and offset into the eye's coordinates, and pixels for a unit at distance 1.
    self.matrix = height => {
        const r = self.rotation, t = self.target;
        const offset = [0, 3, 6].map(row => -(r[row] * t[0] + r[row + 1] * t[1] + r[row + 2] * t[2]));
        return { r, offset: [offset[0], offset[1], offset[2] - self.distance], focal: height / 2 / Math.tan(VIEW / 2), distance: self.distance };
    };
    return self;
};
