/// SplitMix64 (Steele, Lea and Flood, 2014), written out here so that no
/// library's new version changes what a seed gives.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Each part of the simulation draws from a stream of its own, so that a
    /// change in one leaves the others as they were.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut streams = Self(stream);
        Self(seed ^ streams.draw())
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `end` − 1; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(end)) >> 64) as u64
    }

    /// `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(low.abs_diff(high) + 1) as i64
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// About normal around 0: the sum of four uniform numbers of 16 bits.
    pub(crate) fn normal(&mut self, deviation: i64) -> i64 {
        // The sum has the mean 2 · 65,535 and the deviation 65,536 / √3.
        let bits = self.draw();
        let sum: i64 = (0..4).map(|i| (bits >> (16 * i) & 0xffff) as i64).sum();
        (sum - 131_070) * deviation / 37_837
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_the_published_sequence() {
        // The first outputs of SplitMix64 from the state 0.
        let mut random = Random(0);
        assert_eq!(random.draw(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.draw(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn stays_within_its_bounds() {
        let mut random = Random::new(1, 2);
        for _ in 0..10_000 {
            assert!((-3..=7).contains(&random.between(-3, 7)));
            assert!(random.below(5) < 5);
        }
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn normal_has_its_mean_and_deviation() {
        let mut random = Random::new(1, 2);
        let drawn: Vec<i64> = (0..100_000).map(|_| random.normal(1000)).collect();
        let mean = drawn.iter().sum::<i64>() / 100_000;
        let variance = drawn.iter().map(|x| x * x).sum::<i64>() / 100_000;
        assert!(mean.abs() < 15, "{mean}");
        assert!((970_000..1_030_000).contains(&variance), "{variance}");
    }
}
