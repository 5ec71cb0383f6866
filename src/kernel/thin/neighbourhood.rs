//! Predicates of Lee's thinning on the 27 voxels around a voxel.
//!
//! A neighbourhood is a number of 27 bits: the voxel at offset (dz, dy, dx) is bit 9 * (dz + 1) + 3 * (dy + 1) + (dx +
//! 1), the voxel itself bit 13.
//!
//! Source: T.-C. Lee, R. L. Kashyap, C.-N. Chu, "Building skeleton models via 3-D medial surface/axis thinning
//! algorithms", CVGIP: Graphical Models and Image Processing 56(6), 1994.

use std::sync::LazyLock;

/// The voxel itself.
pub(crate) const CENTRE: u32 = 1 << 13;
/// Neighbours before the voxel in raster order.
pub(crate) const EARLIER: u32 = CENTRE - 1;
/// The neighbour before the voxel in its row.
pub(crate) const BEFORE: u32 = CENTRE >> 1;
/// Neighbours in the rows before that of the voxel.
pub(crate) const EARLIER_ROWS: u32 = BEFORE - 1;
/// Neighbours after the voxel in raster order.
pub(crate) const LATER: u32 = ((1 << 27) - 1) & !(EARLIER | CENTRE);

/// Whether exactly one neighbour is foreground.
#[inline]
pub fn is_endpoint(neighbourhood: u32) -> bool {
    (neighbourhood & !CENTRE).is_power_of_two()
}

/// Whether the foreground neighbours form at most one 26-connected component, so that deleting the voxel splits none.
#[inline]
pub fn is_simple(neighbourhood: u32) -> bool {
    Tests::get().is_simple(neighbourhood)
}

/// Whether deleting the voxel, which is foreground, keeps the Euler characteristic [Lee94, section 3.2].
#[inline]
pub fn is_euler_invariant(neighbourhood: u32) -> bool {
    let [above, below] = Tests::get().halves(neighbourhood);
    euler_change(above, below) == 0
}

/// The tests by table lookups: one for the plane above a voxel together with the eight cells around it in its own plane
/// (the ring), and one for the plane below with the ring, which is the mirror image.
///
/// The planes above and below touch each other only through the ring between them. So the neighbours are connected if
/// every part of a plane touches the ring, and the planes above and below join the parts of the ring, at most four. The
/// Euler characteristic is a sum over the eight octants, four of them in each half.
#[derive(Debug)]
pub struct Tests {
    /// The entries by plane (9 bits) and ring (8 bits).
    halves: Box<[u16; 1 << 17]>,
}

/// In a half: the pairs of the ring's four parts that are joined; missing parts count as joined with the first.
const PAIRS: u16 = 0o77;
/// In a half: a part of the plane touches no part of the ring, and there is another part.
const APART: u16 = 1 << 6;
/// In a half: the ring is empty, and the plane has one part.
const ALONE: u16 = 1 << 7;
/// First bit of eight times the change of the Euler characteristic, modulo 256.
const EULER: u32 = 8;

/// For each set of pairs of four parts, whether the pairs connect all parts.
const CONNECTED: u64 = {
    let mut connected = 0;
    let mut pairs = 0;
    while pairs < 64 {
        let mut reached = 1;
        let mut step = 0;
        while step < 3 * 6 {
            let pair = PAIR[step % 6];
            if pairs >> (step % 6) & 1 == 1 && reached & pair != 0 {
                reached |= pair;
            }
            step += 1;
        }
        if reached == 15 {
            connected |= 1 << pairs;
        }
        pairs += 1;
    }
    connected
};

/// The pairs of four parts, as sets of parts.
const PAIR: [u16; 6] = [0b0011, 0b0101, 0b1001, 0b0110, 0b1010, 0b1100];

impl Tests {
    /// The tables, which the first call computes in a few milliseconds.
    pub fn get() -> &'static Tests {
        static TESTS: LazyLock<Tests> = LazyLock::new(Tests::new);
        &TESTS
    }

    /// [`is_simple`], without the check whether the tables exist.
    #[inline(always)]
    pub fn is_simple(&self, neighbourhood: u32) -> bool {
        let [above, below] = self.halves(neighbourhood);
        is_connected(above, below)
    }

    /// Whether Lee's method may delete the voxel: it is not an endpoint, [`is_euler_invariant`] and [`is_simple`]. Then
    /// it is not isolated either, since deleting it would change the Euler characteristic.
    #[inline(always)]
    pub fn is_deletable(&self, neighbourhood: u32) -> bool {
        let [above, below] = self.halves(neighbourhood);
        (euler_change(above, below) == 0) & is_connected(above, below) & !is_endpoint(neighbourhood)
    }

    /// The entries for the planes above and below, each with the ring between them.
    #[inline(always)]
    fn halves(&self, neighbourhood: u32) -> [u16; 2] {
        let ring = neighbourhood >> 9 & 0o17 | neighbourhood >> 10 & 0o360;
        let half = |plane: u32| self.halves[((plane & 0o777) << 8 | ring) as usize];
        [half(neighbourhood), half(neighbourhood >> 18)]
    }

    fn new() -> Tests {
        let parts: Vec<Parts> = (0..512).map(Parts::of).collect();
        let mut halves = Box::new([0; 1 << 17]);
        for (plane, above) in parts.iter().enumerate() {
            for ring in 0..256 {
                let around = ring & 0o17 | (ring & 0o360) << 1;
                halves[plane << 8 | ring] = half(above, &parts[around]) | euler_half(plane, around) << EULER;
            }
        }
        Tests { halves }
    }
}

#[inline(always)]
fn is_connected(above: u16, below: u16) -> bool {
    let either = above | below;
    (CONNECTED >> (either & PAIRS) & 1 == 1) & ((either & APART | above & below & ALONE) == 0)
}

/// Eight times the change of the Euler characteristic, modulo 256.
#[inline(always)]
fn euler_change(above: u16, below: u16) -> u16 {
    ((above >> EULER) + (below >> EULER)) & 0xff
}

/// The connected parts of a plane of nine cells.
struct Parts {
    parts: [u16; 4],
    count: usize,
}

impl Parts {
    fn of(plane: u16) -> Parts {
        let mut found = Parts { parts: [0; 4], count: 0 };
        let mut left = plane;
        while left != 0 {
            let mut part = left & left.wrapping_neg();
            while dilate_in_plane(part) & left != part {
                part = dilate_in_plane(part) & left;
            }
            found.parts[found.count] = part;
            found.count += 1;
            left &= !part;
        }
        found
    }
}

/// A set of the 27 cells, and all cells next to them.
#[inline(always)]
pub(super) fn dilate(cells: u32) -> u32 {
    const FIRST_TWO_OF_ROWS: u32 = 0o333_333_333;
    const FIRST_TWO_ROWS: u32 = 0o077_077_077;
    let x = cells | (cells & FIRST_TWO_OF_ROWS) << 1 | cells >> 1 & FIRST_TWO_OF_ROWS;
    let y = x | (x & FIRST_TWO_ROWS) << 3 | x >> 3 & FIRST_TWO_ROWS;
    (y | y << 9 | y >> 9) & ((1 << 27) - 1)
}

/// A set of cells of a plane, and all cells of the plane next to them.
fn dilate_in_plane(cells: u16) -> u16 {
    let x = cells | (cells & 0o333) << 1 | cells >> 1 & 0o333;
    (x | x << 3 | x >> 3) & 0o777
}

/// The connections through a plane and the ring below it.
fn half(plane: &Parts, ring: &Parts) -> u16 {
    if ring.count == 0 {
        return PAIRS | [0, ALONE, APART][plane.count.min(2)];
    }
    let join = |touched: u16| (0..6).filter(|&p| touched & PAIR[p] == PAIR[p]).fold(0, |pairs, p| pairs | 1 << p);
    let missing = 0b1111 << ring.count & 0b1111;
    let mut half = join(missing | 1);
    for &part in &plane.parts[..plane.count] {
        let reach = dilate_in_plane(part);
        let touched = (0..ring.count).filter(|&r| ring.parts[r] & reach != 0).fold(0, |touched, r| touched | 1 << r);
        half |= if touched == 0 { APART } else { join(touched) };
    }
    half
}

/// Eight times the change of the Euler characteristic, modulo 256, that the four octants of a half contribute, at the
/// corners that they share with the voxel, when it is deleted.
fn euler_half(plane: usize, ring: usize) -> u16 {
    let square = |cells: usize, first: usize| cells >> first & 0b11 | (cells >> (first + 3) & 0b11) << 2;
    let octants = |middle: usize| -> i8 {
        [0, 1, 3, 4].iter().map(|&first| OCTANT[square(plane, first) | square(middle, first) << 4]).sum()
    };
    u16::from((octants(ring | 1 << 4) - octants(ring)) as u8)
}

/// Eight times the part of the Euler characteristic at the corner that eight cells share: the corner counts as a whole,
/// its six half edges as a half each, its twelve quarter faces as a quarter, and its eight cells as an eighth; a closed
/// cube includes its faces, edges and corners.
const OCTANT: [i8; 256] = {
    let mut table = [0; 256];
    let mut cells = 1u32;
    while cells < 256 {
        let mut sum = 8 - cells.count_ones() as i8;
        let mut axis = 0;
        while axis < 3 {
            // Cells on the near side of the corner along an axis, as bits of the eight.
            let near = [0x55, 0x33, 0x0f][axis];
            // The four cells on a side share the half edge there; cells opposite each other share a face.
            sum -= 4 * ((cells & near != 0) as i8 + (cells & !near != 0) as i8);
            sum += 2 * ((cells | cells >> (1 << axis)) & near).count_ones() as i8;
            axis += 1;
        }
        table[cells as usize] = sum;
        cells += 1;
    }
    table
};

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: u32 = (1 << 27) - 1;

    fn cells(neighbourhood: u32) -> impl Iterator<Item = [i32; 3]> {
        (0..27).filter(move |&n| neighbourhood >> n & 1 == 1).map(|n| [n / 9, n / 3 % 3, n % 3])
    }

    /// The definition: all neighbours can be reached from the first.
    pub(crate) fn is_simple_plainly(neighbourhood: u32) -> bool {
        let mut left: Vec<[i32; 3]> = cells(neighbourhood & !CENTRE).collect();
        let mut reached: Vec<[i32; 3]> = left.pop().into_iter().collect();
        while let Some(p) = reached.pop() {
            let (next, rest) = left.into_iter().partition(|q| (0..3).all(|a| (p[a] - q[a]).abs() <= 1));
            left = rest;
            reached.extend::<Vec<_>>(next);
        }
        left.is_empty()
    }

    /// The definition: vertices - edges + faces - cubes of the union of closed cubes, counted in half steps.
    fn euler_characteristic_plainly(neighbourhood: u32) -> i32 {
        let mut union = [false; 7 * 7 * 7];
        for [z, y, x] in cells(neighbourhood) {
            for n in 0..27 {
                union[(2 * z + n / 9) as usize * 49 + (2 * y + n / 3 % 3) as usize * 7 + (2 * x + n % 3) as usize] =
                    true;
            }
        }
        let sign = |n: usize| if (n / 49 + n / 7 % 7 + n % 7).is_multiple_of(2) { 1 } else { -1 };
        (0..union.len()).filter(|&n| union[n]).map(sign).sum()
    }

    fn is_euler_invariant_plainly(neighbourhood: u32) -> bool {
        euler_characteristic_plainly(neighbourhood) == euler_characteristic_plainly(neighbourhood & !CENTRE)
    }

    pub(crate) fn is_deletable_plainly(neighbourhood: u32) -> bool {
        let endpoint = (neighbourhood & !CENTRE).count_ones() == 1;
        !endpoint && is_euler_invariant_plainly(neighbourhood) && is_simple_plainly(neighbourhood)
    }

    /// The definition: a neighbour that has been deleted touches none of the remaining ones.
    pub(crate) fn lies_apart_plainly(gone: u32, now: u32) -> bool {
        let touches = |p: [i32; 3], q: [i32; 3]| (0..3).all(|a| (p[a] - q[a]).abs() <= 1);
        cells(gone & !CENTRE).any(|p| !cells(now & !CENTRE).any(|q| touches(p, q)))
    }

    fn assert_as_defined(neighbourhood: u32) {
        let with = neighbourhood | CENTRE;
        let simple = is_simple_plainly(with);
        assert_eq!((is_simple(with), is_euler_invariant(with)), (simple, is_euler_invariant_plainly(with)), "{with:o}");
        assert_eq!(is_simple(with & !CENTRE), simple, "{with:o}");
        assert_eq!(Tests::get().is_deletable(with), is_deletable_plainly(with), "{with:o}");
    }

    #[test]
    fn opposite_neighbours_alone_are_not_simple_and_a_full_neighbourhood_is() {
        assert!(!is_simple(CENTRE | 1 | 1 << 26));
        assert!(is_simple(ALL));
        assert!(is_simple(CENTRE | 1));
        assert!(is_simple(CENTRE));
    }

    #[test]
    fn an_isolated_voxel_and_a_cavity_change_the_euler_characteristic_and_a_tip_does_not() {
        assert!(!is_euler_invariant(CENTRE));
        assert!(!is_euler_invariant(ALL));
        assert!(is_euler_invariant(CENTRE | 1));
        assert!(!is_euler_invariant(CENTRE | 1 | 1 << 26));
        assert!(is_euler_invariant(ALL & !(1 << 4)));
    }

    #[test]
    fn neighbourhoods_with_up_to_three_cells_or_gaps_are_judged_as_defined() {
        for [a, b, c] in (0..27 * 27 * 27).map(|n| [n % 27, n / 27 % 27, n / 729]).filter(|[a, b, c]| a <= b && b <= c)
        {
            let few = 1 << a | 1 << b | 1 << c;
            assert_as_defined(few);
            assert_as_defined(ALL & !few);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn cells_apart_from_others_are_found_as_defined(gone in 0..1u32 << 27, some in prop::array::uniform3(0..1u32 << 27)) {
            let now = some[0] & some[1] & some[2] & !CENTRE;
            prop_assert_eq!(gone & !CENTRE & !dilate(now) != 0, lies_apart_plainly(gone, now));
        }

        #[test]
        fn neighbourhoods_are_judged_as_defined(any in prop::array::uniform3(0..1u32 << 27), density in 0..5) {
            assert_as_defined(match density {
                0 => any[0] & any[1] & any[2],
                1 => any[0] & any[1],
                2 => any[0],
                3 => any[0] | any[1],
                _ => any[0] | any[1] | any[2],
            });
        }
    }
}
