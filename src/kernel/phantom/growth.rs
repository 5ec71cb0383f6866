//! Growth of a synthetic vessel tree: the axes and radii of its tubes.
//!
//! All numbers come from additions, multiplications, divisions and square roots in `f64`, in a fixed order, and from a
//! random number generator of this module: a seed determines the same tree on every platform.

/// A tapered tube with round ends: its axis, in voxels along (z, y, x), and the radii at the axis' ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tube {
    pub(super) from: [f64; 3],
    pub(super) to: [f64; 3],
    pub(super) radii: [f64; 2],
}

impl Tube {
    fn volume(&self, dimensions: usize) -> f64 {
        let length = norm(sub(self.to, self.from));
        let [a, b] = self.radii;
        if dimensions == 2 { (a + b) * length } else { std::f64::consts::PI * (a * a + a * b + b * b) / 3.0 * length }
    }
}

/// Parameters of a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) shape: [usize; 3],
    pub(super) dimensions: usize,
    pub(super) seed: u64,
    pub(super) roots: usize,
    pub(super) largest_radius: f64,
}

/// Radius of the thinnest tubes, in voxels: wide enough for neighbouring voxels to stay connected.
const THINNEST: f64 = 1.3;
/// Ratio of the largest radius to that of the thinnest tubes.
const TAPER: f64 = 5.0;
/// Target fraction of the volume inside tubes, in 2-D and 3-D.
const FILLED: [f64; 2] = [0.12, 0.05];
/// Initial ratio of the length of a branch to its radius, and its bounds.
const SLENDERNESS: f64 = 14.0;
const SLENDERNESS_BOUNDS: [f64; 2] = [6.0, 80.0];
/// One tip in this number grows on to another branch, and closes a loop.
const TIPS_PER_LOOP: u64 = 5;

/// The tubes of a plan's tree. The tree is grown a few times, with longer or shorter branches, until tubes fill the
/// target fraction of the volume, or the ratio of branches reaches its bounds.
pub(super) fn grow(plan: &Plan) -> Vec<Tube> {
    let voxels: f64 = plan.shape.iter().map(|&n| n as f64).product();
    let wanted = voxels * FILLED[usize::from(plan.dimensions == 3)];
    let mut slenderness = SLENDERNESS;
    let mut tubes = Vec::new();
    for _ in 0..4 {
        tubes = Growth::new(*plan, slenderness).run().tubes;
        let filled: f64 = tubes.iter().map(|t| t.volume(plan.dimensions)).sum();
        let better = (slenderness * wanted / filled).clamp(SLENDERNESS_BOUNDS[0], SLENDERNESS_BOUNDS[1]);
        if (better / slenderness - 1.0).abs() < 0.03 {
            break;
        }
        slenderness = better;
    }
    tubes
}

/// A branch that is about to grow.
struct Bud {
    at: [f64; 3],
    direction: [f64; 3],
    radius: f64,
    /// Number of its parent branch.
    parent: usize,
}

struct Growth {
    plan: Plan,
    slenderness: f64,
    random: Random,
    tubes: Vec<Tube>,
    /// The branch of each tube, and the parent of that branch.
    branches: Vec<[usize; 2]>,
    tips: Vec<(Bud, usize)>,
    /// The filled volume of each cell of a coarse grid; branches turn to emptier cells.
    crowd: Vec<f64>,
}

/// Number of cells of the coarse grid along each axis.
const CROWD: usize = 12;

impl Growth {
    fn new(plan: Plan, slenderness: f64) -> Growth {
        Growth {
            plan,
            slenderness,
            random: Random(plan.seed),
            tubes: Vec::new(),
            branches: Vec::new(),
            tips: Vec::new(),
            crowd: vec![0.0; CROWD * CROWD * CROWD],
        }
    }

    fn run(mut self) -> Growth {
        let thinnest = (self.plan.largest_radius / TAPER).max(THINNEST).min(self.plan.largest_radius);
        let mut buds: std::collections::VecDeque<Bud> = (0..self.plan.roots).map(|i| self.root(i)).collect();
        let mut number = self.plan.roots;
        while let Some(bud) = buds.pop_front() {
            let (radius, parent) = (bud.radius, bud.parent);
            let (at, direction) = self.branch(bud, number, parent);
            // Murray's law: the cubes of the daughters' radii add up to the cube of the parent's radius.
            let share = 0.25 + 0.5 * self.random.unit();
            let radii = [share, 1.0 - share].map(|s| radius * cube_root(s));
            if radii[0].min(radii[1]) < thinnest {
                self.tips.push((Bud { at, direction, radius: radii[0].max(radii[1]).min(radius), parent }, number));
            } else {
                let aside = self.aside(direction);
                for (i, radius) in radii.into_iter().enumerate() {
                    // The thinner daughter turns by the larger angle, to the other side.
                    let turn = [-1.1, 1.1][i] * radii[1 - i] / (radii[0] + radii[1]) + [-0.15, 0.15][i];
                    let direction = unit(add(direction, scaled(aside, turn)));
                    buds.push_back(Bud { at, direction, radius, parent: number });
                }
            }
            number += 1;
        }
        self.close_loops(number);
        self
    }

    /// Whether the volume is too thin along an axis for tubes to run along it.
    fn is_flat(&self, axis: usize) -> bool {
        self.plan.shape[axis] < 8 || (self.plan.dimensions == 2 && axis == 0)
    }

    /// The root of a tree: near the middle of a face, into the volume. Roots take the faces in turn.
    fn root(&mut self, number: usize) -> Bud {
        let axes: Vec<usize> = (0..3).filter(|&a| !self.is_flat(a)).collect();
        let mut at: [f64; 3] = self.plan.shape.map(|n| (n as f64 - 1.0) / 2.0);
        let mut direction = [0.0; 3];
        for &a in &axes {
            at[a] += self.plan.shape[a] as f64 * 0.5 * (self.random.unit() - 0.5);
            direction[a] = 0.4 * (self.random.unit() - 0.5);
        }
        match axes.get(number % axes.len().max(1)) {
            Some(&a) if (number / axes.len()).is_multiple_of(2) => (at[a], direction[a]) = (0.0, 1.0),
            Some(&a) => (at[a], direction[a]) = (self.plan.shape[a] as f64 - 1.0, -1.0),
            None => {}
        }
        let radius = self.plan.largest_radius * if number == 0 { 1.0 } else { 0.7 + 0.3 * self.random.unit() };
        Bud { at, direction: unit(direction), radius, parent: number }
    }

    /// Grows a branch in bends. Returns its end and its direction there.
    fn branch(&mut self, bud: Bud, number: usize, parent: usize) -> ([f64; 3], [f64; 3]) {
        let Bud { mut at, mut direction, radius, .. } = bud;
        let length = self.slenderness * radius * (0.6 + 0.8 * self.random.unit());
        let bends = ((length / (2.5 * radius)) as usize).max(2);
        let step = length / bends as f64;
        let taper = |i: usize| radius * (1.0 - 0.08 * i as f64 / bends as f64);
        for i in 0..bends {
            direction = self.bend(at, direction, radius, step);
            let to = add(at, scaled(direction, step));
            self.push(Tube { from: at, to, radii: [taper(i), taper(i + 1)] }, number, parent);
            at = to;
        }
        (at, direction)
    }

    /// A slightly different direction, away from walls and crowded cells.
    fn bend(&mut self, at: [f64; 3], direction: [f64; 3], radius: f64, step: f64) -> [f64; 3] {
        let tries: [[f64; 3]; 2] = std::array::from_fn(|_| {
            let random = self.random_direction();
            unit(add(direction, scaled(random, 0.3)))
        });
        let ahead = tries.map(|d| self.crowd_at(add(at, scaled(d, 4.0 * step))));
        let mut chosen = tries[usize::from(ahead[1] < ahead[0])];
        for a in (0..3).filter(|&a| !self.is_flat(a)) {
            let (size, to) = (self.plan.shape[a] as f64 - 1.0, at[a] + chosen[a] * (step + radius));
            if to < radius {
                chosen[a] = chosen[a].abs() + 0.1;
            } else if to > size - radius {
                chosen[a] = -chosen[a].abs() - 0.1;
            }
        }
        unit(chosen)
    }

    fn push(&mut self, tube: Tube, number: usize, parent: usize) {
        let cell = self.cell(tube.to);
        self.crowd[cell] += tube.volume(self.plan.dimensions);
        self.tubes.push(tube);
        self.branches.push([number, parent]);
    }

    /// Lets some tips grow on, in an arc, to a place on an unrelated branch.
    fn close_loops(&mut self, mut number: usize) {
        for (tip, own) in std::mem::take(&mut self.tips) {
            if !self.random.next().is_multiple_of(TIPS_PER_LOOP) {
                continue;
            }
            let reach = self.slenderness * tip.radius * 2.0;
            let wished = add(tip.at, scaled(tip.direction, reach / 2.0));
            let apart = |tube: &Tube| square(sub(tube.to, wished));
            let foreign = |&i: &usize| !self.branches[i].contains(&own) && !self.branches[i].contains(&tip.parent);
            let nearest = (0..self.tubes.len())
                .filter(foreign)
                .min_by(|&i, &j| apart(&self.tubes[i]).total_cmp(&apart(&self.tubes[j])));
            let Some(target) = nearest.map(|i| self.tubes[i].to) else { continue };
            if norm(sub(target, tip.at)) > 1.5 * reach {
                continue;
            }
            const ARC: usize = 6;
            let arc = |i: usize| {
                let t = i as f64 / ARC as f64;
                let start = add(tip.at, scaled(sub(wished, tip.at), 2.0 * t * (1.0 - t)));
                add(start, scaled(sub(target, tip.at), t * t))
            };
            for i in 0..ARC {
                self.push(Tube { from: arc(i), to: arc(i + 1), radii: [tip.radius; 2] }, number, own);
            }
            number += 1;
        }
    }

    /// A random direction perpendicular to another.
    fn aside(&mut self, direction: [f64; 3]) -> [f64; 3] {
        let random = self.random_direction();
        let along = (0..3).map(|a| random[a] * direction[a]).sum();
        unit(sub(random, scaled(direction, along)))
    }

    fn random_direction(&mut self) -> [f64; 3] {
        loop {
            let v: [f64; 3] = std::array::from_fn(|_| 2.0 * self.random.unit() - 1.0);
            let v = std::array::from_fn(|a| if self.is_flat(a) { 0.0 } else { v[a] });
            if square(v) <= 1.0 {
                return unit(v);
            }
        }
    }

    fn cell(&self, at: [f64; 3]) -> usize {
        let of = |a: usize| ((at[a] / self.plan.shape[a] as f64 * CROWD as f64).max(0.0) as usize).min(CROWD - 1);
        (of(0) * CROWD + of(1)) * CROWD + of(2)
    }

    fn crowd_at(&self, at: [f64; 3]) -> f64 {
        let outside = (0..3).any(|a| at[a] < 0.0 || at[a] > self.plan.shape[a] as f64);
        if outside { f64::INFINITY } else { self.crowd[self.cell(at)] }
    }
}

/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number from 0 to 1, without 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A hash of 64 bits: the output function of SplitMix64.
#[inline]
pub(super) fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}

/// The cube root of a positive number, by Newton's method: results of the platform may differ in the last bit.
pub(super) fn cube_root(value: f64) -> f64 {
    let mut root = if value > 1.0 { value } else { 1.0 };
    for _ in 0..100 {
        root -= (root * root * root - value) / (3.0 * root * root);
    }
    root
}

fn add(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

fn sub(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn scaled(a: [f64; 3], by: f64) -> [f64; 3] {
    a.map(|v| v * by)
}

fn square(a: [f64; 3]) -> f64 {
    a[0] * a[0] + a[1] * a[1] + a[2] * a[2]
}

fn norm(a: [f64; 3]) -> f64 {
    square(a).sqrt()
}

/// The vector of length 1 in the same direction; the zero vector for itself.
fn unit(a: [f64; 3]) -> [f64; 3] {
    let length = norm(a);
    if length > 0.0 { a.map(|v| v / length) } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown() -> Growth {
        let plan = Plan { shape: [200, 180, 220], dimensions: 3, seed: 7, roots: 3, largest_radius: 6.0 };
        Growth::new(plan, SLENDERNESS).run()
    }

    #[test]
    fn the_cubes_of_daughters_radii_add_up_to_that_of_the_mother() {
        let growth = grown();
        let number = |i: usize| growth.branches[i][0];
        let first = |branch: usize| growth.tubes[(0..growth.tubes.len()).find(|&i| number(i) == branch).unwrap()];
        let mut families = std::collections::BTreeMap::<usize, Vec<f64>>::new();
        for i in 1..growth.tubes.len() {
            let [branch, parent] = growth.branches[i];
            // Roots have no real parents, and a loop closes with a single arc.
            if number(i - 1) != branch && branch >= 3 {
                families.entry(parent).or_default().push(growth.tubes[i].radii[0]);
            }
        }
        let forks: Vec<_> = families.iter().filter(|(_, daughters)| daughters.len() == 2).collect();
        assert!(forks.len() > 50, "{}", forks.len());
        for (&mother, daughters) in forks {
            let cubes: f64 = daughters.iter().map(|r| r * r * r).sum();
            let radius = first(mother).radii[0];
            assert!((cubes / (radius * radius * radius) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn some_branches_end_on_others() {
        let growth = grown();
        let ends: Vec<[f64; 3]> = growth.tubes.iter().map(|t| t.to).collect();
        let met = |i: usize| (0..i).any(|j| growth.branches[j][0] != growth.branches[i][0] && ends[j] == ends[i]);
        assert!((0..ends.len()).filter(|&i| met(i)).count() > 5);
    }

    #[test]
    fn cube_roots_are_near_to_the_platforms() {
        for value in [1e-3, 0.25, 0.5, 0.75, 1.0, 27.0, 134217728.0] {
            assert!((cube_root(value) / value.cbrt() - 1.0).abs() < 1e-14, "{value}");
        }
    }
}
