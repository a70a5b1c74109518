//! Randomness that enters as a seed: independent streams, named by what they are for.

/// What a stream of randomness is for; streams of different topics never share numbers.
#[derive(Clone, Copy)]
pub(super) enum Topic {
    People = 1,
    Places,
    Deployments,
    Fate,
    Uses,
    Address,
    Agent,
    Noise,
    AuditOfUses,
    AuditNoise,
    EventId,
    Secret,
    Permission,
    Inventory,
    Fault,
    Absence,
    Temper,
    Weather,
    Future,
}

/// The seed of a whole world.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed(pub u64);

impl Seed {
    /// A well mixed number that depends on nothing but the seed and the arguments.
    pub fn hash(self, topic: Topic, a: u64, b: u64) -> u64 {
        mix(mix(mix(self.0 ^ 0x9e37_79b9_7f4a_7c15 ^ ((topic as u64) << 56)) ^ a) ^ b.rotate_left(32))
    }

    pub fn stream(self, topic: Topic, a: u64, b: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.hash(topic, a, b))
    }

    /// True with the given chance, always the same for the same arguments.
    pub fn chance(self, topic: Topic, a: u64, b: u64, chance: f64) -> bool {
        fastrand::Rng::with_seed(self.hash(topic, a, b)).f64() < chance
    }

    /// A random-looking UUID, in version 4 form.
    pub fn uuid(self, topic: Topic, a: u64, b: u64) -> String {
        let (high, low) = (self.hash(topic, a, b), self.hash(topic, b ^ 0x5bd1_e995, a));
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }
}

/// The finaliser of SplitMix64.
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A Poisson draw; means beyond 60 are drawn in pieces, so that the product of uniforms does not underflow.
pub(super) fn poisson(rng: &mut fastrand::Rng, mean: f64) -> u32 {
    let (mut left, mut total) = (mean.max(0.0), 0);
    while left > 0.0 {
        let piece = left.min(60.0);
        left -= piece;
        let limit = (-piece).exp();
        let mut product = rng.f64();
        while product > limit {
            total += 1;
            product *= rng.f64();
        }
    }
    total
}

/// One of a non-empty slice.
pub(super) fn pick<'a, T>(rng: &mut fastrand::Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}

/// The index of a weight, in proportion to the weights.
pub(super) fn weighted(rng: &mut fastrand::Rng, weights: impl Iterator<Item = u32> + Clone) -> usize {
    let total: u32 = weights.clone().sum();
    let mut left = rng.u32(..total.max(1));
    for (index, weight) in weights.enumerate() {
        if left < weight {
            return index;
        }
        left -= weight;
    }
    0
}
