//! The search for background near a voxel.

use super::nearest::Nearest;
use super::rows::{Rows, Window};
use super::ruler::{Around, NEAR, Ruler};
use crate::space::Position;

/// A search around a place, which is relative to the first voxel of `rows`.
struct Search<'s> {
    rows: &'s Rows<'s>,
    ruler: &'s Ruler,
    from: Position,
    place: Position,
    /// First and last place of the search along each axis.
    within: [[i64; 2]; 3],
    window: Window,
    /// Byte at which the row of the place begins; outside the rows if the place is.
    middle: i64,
}

/// Searches for a zero that is nearer to a place than the nearest background voxel so far, within the distance of
/// [`Ruler::around`].
///
/// Visits rows from the nearest outwards, so that the range of useful steps along x shrinks, and four rows at a time,
/// since zeros in that range are rare.
pub(super) fn search(
    rows: &Rows<'_>,
    ruler: &Ruler,
    from: Position,
    place: Position,
    within: [[i64; 2]; 3],
    nearest: &mut Nearest,
) {
    let Some(window) = rows.window(place[2], within[2]) else { return };
    let [plane, line] = rows.strides();
    let middle = rows.row(0, 0) as i64 + place[0] * plane + place[1] * line;
    let search = Search { rows, ruler, from, place, within, window, middle };
    let sides = [Sides::new(place[0], within[0]), Sides::new(place[1], within[1])];
    let gap = ruler.along(0, sides[0].gap()) + ruler.along(1, sides[1].gap());
    let mut steps = NEAR;
    let (mut reach, mut here) = (ruler.along(2, steps), reachable(steps));
    for around in ruler.around().0.iter().skip_while(|around| around.square < gap) {
        if around.square + reach >= nearest.square {
            while around.square + reach >= nearest.square {
                if steps == 0 {
                    return;
                }
                steps -= 1;
                reach = ruler.along(2, steps);
            }
            here = reachable(steps);
        }
        // A row outside is replaced by the one on the other side.
        let Some([above, below]) = sides[0].of(i64::from(around.planes)) else { continue };
        let Some([before, after]) = sides[1].of(i64::from(around.lines)) else { continue };
        let ([above, below], [before, after]) =
            ([above, below].map(|z| middle + z * plane), [before, after].map(|y| y * line));
        let zeros = rows.zeros_of_four([above + before, above + after, below + before, below + after], &search.window);
        if zeros & here != 0 {
            search.look_at(around, here, nearest);
        }
    }
}

/// Steps from a place to others along an axis, in both directions.
struct Sides {
    /// First and last place, relative to that place.
    first: i64,
    last: i64,
    /// Number of steps up to which both sides are inside.
    both: i64,
}

impl Sides {
    fn new(place: i64, [first, last]: [i64; 2]) -> Self {
        let (first, last) = (first - place, last - place);
        Sides { first, last, both: last.min(-first) }
    }

    /// Steps to the nearest place.
    fn gap(&self) -> i64 {
        self.first.max(0) + self.last.min(0)
    }

    /// The steps to the two places `steps` steps away; if one of them is outside, the other one twice.
    #[inline(always)]
    fn of(&self, steps: i64) -> Option<[i64; 2]> {
        if steps <= self.both {
            return Some([-steps, steps]);
        }
        let is_inside = |step: i64| self.first <= step && step <= self.last;
        match [is_inside(-steps), is_inside(steps)] {
            [true, _] => Some([-steps; 2]),
            [_, true] => Some([steps; 2]),
            _ => None,
        }
    }
}

impl Search<'_> {
    /// Searches those of up to four rows that are inside.
    #[inline(never)]
    fn look_at(&self, around: &Around, here: u64, nearest: &mut Nearest) {
        let (planes, lines) = (i64::from(around.planes), i64::from(around.lines));
        let [plane, line] = self.rows.strides();
        for [dz, dy] in [[-planes, -lines], [-planes, lines], [planes, -lines], [planes, lines]] {
            let is_inside = |a: usize, step: i64| {
                let [first, last] = self.within[a];
                (first..=last).contains(&(self.place[a] + step))
            };
            if !(is_inside(0, dz) && is_inside(1, dy)) {
                continue;
            }
            let zeros = self.rows.zeros_in((self.middle + dz * plane + dy * line) as usize, &self.window) & here;
            if zeros != 0 {
                let after = i64::from((zeros >> NEAR).trailing_zeros());
                let before = i64::from((zeros << (63 - NEAR)).leading_zeros());
                let dx = if after < before { after } else { -before };
                nearest.meet(around.square + self.ruler.along(2, dx), self.from, [dz, dy, dx]);
            }
        }
    }
}

/// The bits of a window up to `steps` steps away on both sides.
#[inline(always)]
fn reachable(steps: i64) -> u64 {
    ((2 << (2 * steps)) - 1) << (NEAR - steps)
}
