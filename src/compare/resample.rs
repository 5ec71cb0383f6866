//! Cliff's delta between samples whose branches are drawn with replacement.

use super::random::Random;

/// Two samples, by the places of their values among the distinct values of both.
pub(super) struct Pair {
    places: [Vec<u32>; 2],
    distinct: usize,
}

/// How often each distinct value was drawn, for both samples.
pub(super) struct Workplace([Vec<u32>; 2]);

impl Pair {
    /// Of two lists of ascending values.
    pub(super) fn new(first: &[f64], second: &[f64]) -> Pair {
        let mut all: Vec<f64> = first.iter().chain(second).copied().collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        let places = |values: &[f64]| {
            let mut at = 0;
            let place = |value: &f64| {
                at += all[at..].iter().take_while(|other| *other < value).count();
                at as u32
            };
            values.iter().map(place).collect()
        };
        Pair { places: [places(first), places(second)], distinct: all.len() }
    }

    pub(super) fn workplace(&self) -> Workplace {
        Workplace([(); 2].map(|()| vec![0; self.distinct]))
    }

    /// Cliff's delta of one draw.
    pub(super) fn delta(&self, counts: &mut Workplace, random: &mut Random) -> f64 {
        for (places, counts) in self.places.iter().zip(&mut counts.0) {
            counts.fill(0);
            for _ in 0..places.len() {
                counts[places[random.below(places.len())] as usize] += 1;
            }
        }
        let [first, second] = &self.places;
        let (mut below, mut sum) = (0i64, 0i128);
        for (&of_first, &of_second) in counts.0[0].iter().zip(&counts.0[1]) {
            let above = first.len() as i64 - below - i64::from(of_first);
            sum += i128::from(of_second) * i128::from(below - above);
            below += i64::from(of_first);
        }
        sum as f64 / (first.len() as f64 * second.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::cliffs_delta;

    #[test]
    fn the_delta_of_a_draw_is_that_of_its_values() {
        let (first, second) = ([1.0, 2.0, 2.0, 5.0, 7.0], [0.5, 2.0, 5.0, 5.0, 9.0, 9.5]);
        let pair = Pair::new(&first, &second);
        for seed in 0..50 {
            let mut random = Random::new(seed);
            let drawn = [&first[..], &second].map(|values| {
                let mut drawn: Vec<f64> = (0..values.len()).map(|_| values[random.below(values.len())]).collect();
                drawn.sort_by(f64::total_cmp);
                drawn
            });
            let delta = pair.delta(&mut pair.workplace(), &mut Random::new(seed));
            assert_eq!(Some(delta), cliffs_delta(&drawn[0], &drawn[1]));
        }
    }
}
