//! The plain sequential reference: what a run must equal, written for clarity on whole volumes in memory.
//!
//! Nothing here comes from the library under test. The committed fixtures hold it to scikit-image and skan.

pub(crate) mod filters;
pub(crate) mod graph;
pub(crate) mod homotopic;
pub(crate) mod lee;
pub(crate) mod nodes;
pub(crate) mod radii;
pub(crate) mod skeletons;
pub(crate) mod table;
pub(crate) mod topology;
pub(crate) mod zhang;

/// A place or a step along (z, y, x).
pub(crate) type Position = [i64; 3];

/// A binary volume in C order over (z, y, x); outside of it is background. A 2-D image is a volume of one plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mask {
    pub(crate) shape: [usize; 3],
    pub(crate) voxels: Vec<bool>,
}

impl Mask {
    pub(crate) fn new(shape: [usize; 3], voxels: Vec<bool>) -> Self {
        assert_eq!(voxels.len(), shape.iter().product::<usize>());
        Mask { shape, voxels }
    }

    /// The volume of a shape whose foreground is where `inside` says.
    pub(crate) fn from_fn(shape: [usize; 3], inside: impl Fn(Position) -> bool) -> Self {
        let count = shape.iter().product();
        let mut mask = Mask::new(shape, vec![false; count]);
        for index in 0..count {
            mask.voxels[index] = inside(mask.position(index));
        }
        mask
    }

    pub(crate) fn position(&self, index: usize) -> Position {
        let [_, height, width] = self.shape;
        [index / (height * width), index / width % height, index % width].map(|n| n as i64)
    }

    /// The raster index of a position, if it is inside the volume.
    pub(crate) fn index(&self, p: Position) -> Option<usize> {
        let inside = (0..3).all(|a| 0 <= p[a] && p[a] < self.shape[a] as i64);
        let [_, height, width] = self.shape;
        inside.then(|| (p[0] as usize * height + p[1] as usize) * width + p[2] as usize)
    }

    pub(crate) fn get(&self, p: Position) -> bool {
        self.index(p).is_some_and(|index| self.voxels[index])
    }

    /// Raster indices of the foreground, ascending.
    pub(crate) fn foreground(&self) -> Vec<usize> {
        (0..self.voxels.len()).filter(|&index| self.voxels[index]).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.voxels.iter().filter(|&&v| v).count()
    }

    /// The foreground among the 26 neighbours of a position (8 in one plane), in raster order.
    pub(crate) fn neighbours(&self, p: Position) -> impl Iterator<Item = Position> + '_ {
        steps().into_iter().filter(|&d| d != [0; 3]).map(move |d| add(p, d)).filter(|&q| self.get(q))
    }
}

pub(crate) fn add(p: Position, d: Position) -> Position {
    std::array::from_fn(|a| p[a] + d[a])
}

/// The 27 steps from a voxel to its neighbourhood, itself included, in raster order.
pub(crate) fn steps() -> Vec<Position> {
    (0..27).map(|n| [n / 9 - 1, n / 3 % 3 - 1, n % 3 - 1]).collect()
}

/// The thinning methods, under the names that the program gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Lee,
    Zhang,
    Homotopic,
}

impl Method {
    pub(crate) const ALL: [Method; 3] = [Method::Lee, Method::Zhang, Method::Homotopic];

    pub(crate) fn named(name: &str) -> Self {
        Method::ALL.into_iter().find(|method| method.name() == name).unwrap_or_else(|| panic!("no method {name}"))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::Lee => "lee",
            Method::Zhang => "zhang",
            Method::Homotopic => "homotopic",
        }
    }

    pub(crate) fn thin(self, mask: &Mask) -> Mask {
        match self {
            Method::Lee => lee::thin(mask),
            Method::Zhang => zhang::thin(mask),
            Method::Homotopic => homotopic::thin(mask),
        }
    }
}
