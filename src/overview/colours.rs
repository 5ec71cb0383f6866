//! Colours of branches, by kind or by radius: of several on a pixel, the one with the larger ink shows.

use super::strokes::{BranchColour, Stroke, StrokeKind, Strokes};

/// Kinds in the order in which they cover each other, with their colours, from the palette of Okabe and Ito, which
/// colour-blind people can tell apart too, and what the legend calls them.
pub(super) const KINDS: [(StrokeKind, [u8; 3], &str); StrokeKind::COUNT] = [
    (StrokeKind::JunctionJunction, [86, 180, 233], "junction to junction"),
    (StrokeKind::JunctionTip, [230, 159, 0], "junction to tip"),
    (StrokeKind::TipTip, [0, 158, 115], "tip to tip"),
    (StrokeKind::Cycle, [204, 121, 167], "cycle"),
    (StrokeKind::Isolated, [240, 228, 66], "single voxel"),
];

/// Colours from the least radius to the largest: lightness grows throughout, so that they can be distinguished without
/// hue, and the darkest stands out on grey.
const RAMP: [[u8; 3]; 5] = [[75, 94, 210], [0, 153, 204], [64, 190, 130], [200, 214, 60], [255, 244, 160]];

/// The colours of a picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Palette {
    /// By kind, with those that are there.
    Kind { present: [bool; KINDS.len()] },
    /// From the least mean radius to the largest.
    Radius { least: f64, largest: f64 },
    /// By radius, where none is known.
    NoRadius,
}

impl Palette {
    /// The colours for some branches.
    pub(super) fn new(colour: BranchColour, strokes: &Strokes<'_>) -> Palette {
        if colour == BranchColour::Kind {
            return Palette::Kind { present: strokes.kinds };
        }
        let (mut least, mut largest) = (f64::INFINITY, 0.0);
        strokes.draw_all(&mut |stroke, _| {
            if stroke.radius.is_finite() && stroke.radius > 0.0 {
                (least, largest) = (f64::min(least, stroke.radius), f64::max(largest, stroke.radius));
            }
        });
        if least <= largest { Palette::Radius { least, largest } } else { Palette::NoRadius }
    }

    /// The ink of a branch, from 1 on.
    pub(super) fn ink(&self, stroke: Stroke) -> u8 {
        match *self {
            Palette::Kind { .. } => stroke.kind as u8 + 1,
            Palette::Radius { least, largest } if stroke.radius.is_finite() && stroke.radius > 0.0 => {
                let range = (largest / least).ln();
                let share = if range > 0.0 { (stroke.radius / least).ln() / range } else { 1.0 };
                2 + (share.clamp(0.0, 1.0) * 253.0).round() as u8
            }
            Palette::Radius { .. } | Palette::NoRadius => 1,
        }
    }

    /// The colour of an ink.
    pub(super) fn colour(&self, ink: u8) -> [u8; 3] {
        match self {
            Palette::Kind { .. } => KINDS[usize::from(ink).saturating_sub(1).min(KINDS.len() - 1)].1,
            Palette::Radius { .. } | Palette::NoRadius if ink < 2 => [200, 200, 200],
            Palette::Radius { .. } | Palette::NoRadius => of_ramp(f64::from(ink - 2) / 253.0),
        }
    }
}

/// The colour at a place from 0 to 1 on the ramp.
pub(super) fn of_ramp(share: f64) -> [u8; 3] {
    let place = share.clamp(0.0, 1.0) * (RAMP.len() - 1) as f64;
    let below = (place as usize).min(RAMP.len() - 2);
    let rest = place - below as f64;
    let mix = |low: u8, high: u8| (f64::from(low) + (f64::from(high) - f64::from(low)) * rest).round() as u8;
    std::array::from_fn(|i| mix(RAMP[below][i], RAMP[below + 1][i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_in_the_order_in_which_they_cover_each_other() {
        for (place, (kind, colour, _)) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
            let palette = Palette::Kind { present: [true; KINDS.len()] };
            assert_eq!(palette.colour(palette.ink(Stroke { kind, radius: 1.0 })), colour);
        }
    }

    #[test]
    fn lightness_grows_along_the_ramp() {
        let lightness = |[r, g, b]: [u8; 3]| 0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b);
        let all: Vec<f64> = (0..=64).map(|i| lightness(of_ramp(f64::from(i) / 64.0))).collect();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
    }

    #[test]
    fn a_larger_radius_has_a_larger_ink_and_an_unknown_one_the_least() {
        let palette = Palette::Radius { least: 0.5, largest: 8.0 };
        let ink = |radius| palette.ink(Stroke { kind: StrokeKind::Cycle, radius });
        assert_eq!([ink(0.5), ink(8.0)], [2, 255]);
        assert!(ink(1.0) < ink(2.0) && ink(f64::INFINITY) == 1);
    }
}
