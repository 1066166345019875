//! Counter-based random numbers: Threefry-2x32-20 (Salmon et al., SC'11, doi:10.1145/2063384.2063405).
//!
//! A number is a pure function of (seed, stream, step, particle), so the same on every backend,
//! for any number of threads and after any resume. Only 32-bit additions, rotations and xors are
//! used, which WGSL has.

/// What a random number is for; streams never share numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Stream {
    /// Initial positions.
    Positions = 1,
    /// Initial velocities.
    Velocities = 2,
    /// Langevin noise.
    Langevin = 3,
    /// Stochastic velocity rescaling.
    Rescaling = 4,
    /// Anything in tests and sampling of analyses.
    Sampling = 5,
}

const ROTATIONS: [u32; 8] = [13, 15, 26, 6, 17, 29, 16, 24];
const PARITY: u32 = 0x1BD1_1BDA;

/// Threefry-2x32 with 20 rounds.
pub fn threefry2x32(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    let keys = [key[0], key[1], PARITY ^ key[0] ^ key[1]];
    let mut x = [counter[0].wrapping_add(keys[0]), counter[1].wrapping_add(keys[1])];
    for round in 0..20 {
        x[0] = x[0].wrapping_add(x[1]);
        x[1] = x[1].rotate_left(ROTATIONS[round % 8]) ^ x[0];
        if round % 4 == 3 {
            let s = round / 4 + 1;
            x[0] = x[0].wrapping_add(keys[s % 3]);
            x[1] = x[1].wrapping_add(keys[(s + 1) % 3]).wrapping_add(s as u32);
        }
    }
    x
}

/// Random numbers of one seed and stream.
#[derive(Debug, Clone, Copy)]
pub struct RandomStream {
    key: [u32; 2],
}

impl RandomStream {
    /// The numbers of a seed for one purpose.
    pub fn new(seed: u64, stream: Stream) -> Self {
        let mixed = threefry2x32([seed as u32, (seed >> 32) as u32], [stream as u32, 0x6675_6C67]);
        Self { key: mixed }
    }

    /// The key, for backends that generate on the device: counter = (step·2⁴ + lane, particle).
    pub fn key(&self) -> [u32; 2] {
        self.key
    }

    /// Two 32-bit words for a step, particle and lane < 16. Steps repeat after 2²⁸.
    pub fn words(&self, step: u64, particle: u32, lane: u32) -> [u32; 2] {
        let high = (step >> 28) as u32;
        threefry2x32(
            [self.key[0] ^ high, self.key[1]],
            [((step as u32) << 4) | (lane & 15), particle],
        )
    }

    /// A uniform number in [0, 1) with 53 bits.
    pub fn uniform(&self, step: u64, particle: u32, lane: u32) -> f64 {
        let [a, b] = self.words(step, particle, lane);
        let bits = (u64::from(a) << 21) ^ (u64::from(b) >> 11);
        bits as f64 / (1u64 << 53) as f64
    }

    /// A sequential generator for one step, for distributions that need an unknown number of words.
    pub fn generator(&self, step: u64) -> CounterGenerator {
        CounterGenerator { stream: *self, step, next: 0 }
    }

    /// Two independent standard normal numbers (Box–Muller on 32-bit uniforms).
    pub fn normal_pair(&self, step: u64, particle: u32, lane: u32) -> [f64; 2] {
        let [a, b] = self.words(step, particle, lane);
        let u = (f64::from(a) + 0.5) / 4294967296.0;
        let v = f64::from(b) / 4294967296.0;
        let radius = (-2.0 * u.ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * v).sin_cos();
        [radius * cos, radius * sin]
    }
}

/// The numbers of one step in sequence, for [`rand`]'s distributions.
#[derive(Debug, Clone)]
pub struct CounterGenerator {
    stream: RandomStream,
    step: u64,
    next: u32,
}

impl rand::rand_core::TryRng for CounterGenerator {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(self.try_next_u64()? as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let [a, b] = self.stream.words(self.step, self.next, 15);
        self.next = self.next.wrapping_add(1);
        Ok((u64::from(a) << 32) | u64::from(b))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Known-answer vectors of the Random123 distribution for threefry2x32, 20 rounds.
    #[test]
    fn known_answers() {
        assert_eq!(threefry2x32([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(threefry2x32([u32::MAX; 2], [u32::MAX; 2]), [0x1cb9_96fc, 0xbb00_2be7]);
        assert_eq!(
            threefry2x32([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3]),
            [0xc492_3a9c, 0x483d_f7a0]
        );
    }

    #[test]
    fn normal_moments() {
        let stream = RandomStream::new(7, Stream::Sampling);
        let n = 200_000u32;
        let (mut mean, mut square, mut fourth) = (0.0, 0.0, 0.0);
        for i in 0..n {
            for x in stream.normal_pair(3, i, 0) {
                mean += x;
                square += x * x;
                fourth += x.powi(4);
            }
        }
        let count = f64::from(2 * n);
        assert!((mean / count).abs() < 5.0 / count.sqrt());
        assert!((square / count - 1.0).abs() < 5.0 * (2.0 / count).sqrt());
        assert!((fourth / count - 3.0).abs() < 5.0 * (96.0 / count).sqrt());
    }
}
