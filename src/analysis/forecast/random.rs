//! Random numbers from a seed: the same data, the same forecast. Each integration draws from a stream of its own, named
//! by its id, so that a newcomer does not shift the numbers of all others and the forecast does not flicker from day to
//! day.

use std::f64::consts::TAU;

/// A stream of SplitMix64 (Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, OOPSLA 2014).
#[derive(Clone, Debug)]
pub(super) struct Draws(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
/// Means beyond this are drawn in pieces, so that the product of uniforms does not underflow.
const POISSON_PIECE: f64 = 60.0;

impl Draws {
    /// The stream of a name, in one of many repetitions.
    pub(super) fn of(name: u64, repetition: u32) -> Self {
        Self(mix(name ^ mix(u64::from(repetition).wrapping_add(STEP))))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// Uniform, above 0 and below 1.
    pub(super) fn uniform(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let whole = (self.next() >> 11) as f64;
        (whole + 0.5) / 9_007_199_254_740_992.0
    }

    /// Exponential with mean 1.
    pub(super) fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }

    /// Standard normal (Box and Muller, 1958).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (TAU * self.uniform()).cos()
    }

    /// Gamma with a shape of at least 1 and mean 1, by the cube of a normal (Wilson and Hilferty, 1931): off by less than
    /// a percent where it matters here.
    pub(super) fn gamma(&mut self, shape: f64) -> f64 {
        let ninth = 1.0 / (9.0 * shape);
        (1.0 - ninth + self.normal() * ninth.sqrt()).max(0.0).powi(3)
    }

    /// Poisson (Knuth's product of uniforms).
    pub(super) fn poisson(&mut self, mean: f64) -> u32 {
        let (mut left, mut total) = (mean.max(0.0), 0);
        while left > 0.0 {
            let piece = left.min(POISSON_PIECE);
            left -= piece;
            let limit = (-piece).exp();
            let mut product = self.uniform();
            while product > limit {
                total += 1;
                product *= self.uniform();
            }
        }
        total
    }
}

/// The finaliser of SplitMix64.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number for a name (FNV-1a).
pub(super) fn name(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(draw: impl Fn(&mut Draws) -> f64) -> f64 {
        (0..20_000).map(|repetition| draw(&mut Draws::of(7, repetition))).sum::<f64>() / 20_000.0
    }

    #[test]
    fn draws_have_the_moments_of_their_laws() {
        for (found, expected) in [
            (mean(Draws::uniform), 0.5),
            (mean(Draws::exponential), 1.0),
            (mean(Draws::normal), 0.0),
            (mean(|d| d.normal().powi(2)), 1.0),
            (mean(|d| d.gamma(3.0)), 1.0),
            (mean(|d| (d.gamma(3.0) - 1.0).powi(2)), 1.0 / 3.0),
            (mean(|d| f64::from(d.poisson(0.7))), 0.7),
            (mean(|d| f64::from(d.poisson(70.0)) / 70.0), 1.0),
        ] {
            assert!((found - expected).abs() < 0.025, "{found} instead of {expected}");
        }
    }

    #[test]
    fn a_stream_depends_on_its_name_and_repetition_alone() {
        let first = |text, repetition| Draws::of(name(text), repetition).uniform().to_bits();
        assert_eq!(first("k7m2qd4x", 3), first("k7m2qd4x", 3));
        assert_ne!(first("k7m2qd4x", 3), first("k7m2qd4x", 4));
        assert_ne!(first("k7m2qd4x", 3), first("k7m2qd4y", 3));
    }
}
