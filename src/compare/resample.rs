//! Cliff's delta between samples whose branches are drawn with replacement.

use super::random::Random;

/// Two samples with ascending values, by where the values of the second lie among those of the first.
pub(super) struct Pair {
    counts: [usize; 2],
    /// For each value of the second sample, how many of the first are smaller, and how many are not larger.
    below: Vec<[u32; 2]>,
}

/// How often each value was drawn, for both samples: once on average, so that no count comes near the largest number.
pub(super) struct Workplace {
    drawn: [Vec<u16>; 2],
    /// Draws of the values of the first sample before each place.
    before: Vec<u32>,
}

impl Pair {
    /// Of two lists of ascending values.
    pub(super) fn new(first: &[f64], second: &[f64]) -> Pair {
        let (mut smaller, mut up_to) = (0, 0);
        let places = |value: &f64| {
            smaller += first[smaller..].iter().take_while(|other| *other < value).count();
            up_to += first[up_to..].iter().take_while(|other| *other <= value).count();
            [smaller as u32, up_to as u32]
        };
        Pair { counts: [first.len(), second.len()], below: second.iter().map(places).collect() }
    }

    pub(super) fn workplace(&self) -> Workplace {
        Workplace { drawn: self.counts.map(|count| vec![0; count]), before: vec![0; self.counts[0] + 1] }
    }

    /// Cliff's delta of one draw. Draws places, not values: nothing is sorted again, and the counts of 200,000 branches stay in
    /// a core's cache.
    pub(super) fn delta(&self, workplace: &mut Workplace, random: &mut Random) -> f64 {
        let Workplace { drawn, before } = workplace;
        for counts in &mut *drawn {
            counts.fill(0);
            let places = counts.len();
            for _ in 0..places {
                counts[random.below(places)] += 1;
            }
        }
        let mut sum = 0;
        for (before, &count) in before[1..].iter_mut().zip(&drawn[0]) {
            sum += u32::from(count);
            *before = sum;
        }
        let [first, second] = self.counts;
        // Smaller values of the first sample, less larger ones.
        let surplus = |&[smaller, up_to]: &[u32; 2]| {
            i64::from(before[smaller as usize]) + i64::from(before[up_to as usize]) - first as i64
        };
        let sums = self.below.iter().zip(&drawn[1]).map(|(places, &count)| surplus(places) * i64::from(count));
        sums.map(i128::from).sum::<i128>() as f64 / (first as f64 * second as f64)
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
