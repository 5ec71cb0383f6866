//! Random numbers that are the same on every machine and in every release.

use std::f64::consts::TAU;

/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The numbers of the `part`-th of many independent parts of a computation, so that they do not depend on which thread
    /// computes it.
    pub(super) fn of_part(seed: u64, part: u64) -> Random {
        Random(Random(seed ^ part.wrapping_mul(0xd134_2543_de82_ef95)).bits())
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number above 0 and below 1.
    pub(super) fn unit(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    /// A whole number below `end`, each as likely as any other: Lemire, "Fast random integer generation in an interval", ACM
    /// TOMACS 29 (2019).
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = end as u64;
        loop {
            let wide = u128::from(self.bits()) * u128::from(end);
            let (place, rest) = ((wide >> 64) as u64, wide as u64);
            if rest >= end || rest >= end.wrapping_neg() % end {
                return place as usize;
            }
        }
    }

    /// A number of the standard normal distribution: Box and Muller, 1958.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }

    /// A number of the gamma distribution with a shape of at least 1 and scale 1: Marsaglia and Tsang, "A simple method for
    /// generating gamma variables", ACM TOMS 26 (2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.unit().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// A number of the beta distribution with two parameters of at least 1.
    pub(super) fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        x / (x + y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_published_generator() {
        let mut random = Random::new(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([random.bits(), random.bits(), random.bits()], expected);
    }

    #[test]
    fn numbers_have_their_distributions() {
        let mut random = Random::new(7);
        let count = 40_000;
        let mut counts = [0usize; 5];
        (0..count).for_each(|_| counts[random.below(5)] += 1);
        assert!(counts.iter().all(|&n| n.abs_diff(count / 5) < 400), "{counts:?}");
        for (a, b) in [(1.0, 1.0), (3.0, 5.0), (200.0, 201.0)] {
            let numbers: Vec<f64> = (0..count).map(|_| random.beta(a, b)).collect();
            let mean = numbers.iter().sum::<f64>() / count as f64;
            let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count as f64;
            let expected = a * b / ((a + b) * (a + b) * (a + b + 1.0));
            assert!((mean - a / (a + b)).abs() < 5.0 * (expected / count as f64).sqrt(), "{a} {b}: {mean}");
            assert!((variance / expected - 1.0).abs() < 0.05, "{a} {b}: {variance}");
        }
    }
}
