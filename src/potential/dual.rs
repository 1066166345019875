//! Dual numbers a + b ε with ε² = 0: exact derivatives of the generic potentials, for tests.

use std::ops::{Add, Mul, Neg, Sub};

use super::real::{Distance, Rare, Real, Term};

/// A value and its derivative with respect to r².
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dual {
    /// The value.
    pub value: f64,
    /// d(value)/d(r²).
    pub derivative: f64,
}

impl Dual {
    /// The variable r² itself.
    pub fn variable(value: f64) -> Self {
        Self { value, derivative: 1.0 }
    }

    fn chain(self, value: f64, slope: f64) -> Self {
        Self { value, derivative: slope * self.derivative }
    }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self { value: self.value + o.value, derivative: self.derivative + o.derivative }
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self { value: self.value - o.value, derivative: self.derivative - o.derivative }
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        Self {
            value: self.value * o.value,
            derivative: self.derivative * o.value + self.value * o.derivative,
        }
    }
}

impl Neg for Dual {
    type Output = Self;
    fn neg(self) -> Self {
        Self { value: -self.value, derivative: -self.derivative }
    }
}

impl Real for Dual {
    type Mask = bool;

    fn constant(value: f64) -> Self {
        Self { value, derivative: 0.0 }
    }

    fn mul_add(self, a: Self, b: Self) -> Self {
        self * a + b
    }

    fn distance(r2: Self) -> Distance<Self> {
        let r = r2.value.sqrt();
        Distance {
            r2,
            r: r2.chain(r, 0.5 / r),
            residual: Self::constant(0.0),
            inverse: r2.chain(1.0 / r, -0.5 / (r * r2.value)),
        }
    }

    fn exp2_of_distance(rate: Self, d: &Distance<Self>) -> Self {
        let x = rate * d.r;
        let e = x.value.exp2();
        x.chain(e, e * std::f64::consts::LN_2)
    }

    fn power(self, exponent: Self) -> Self {
        let p = self.value.powf(exponent.value);
        self.chain(p, exponent.value * p / self.value)
    }

    fn less(self, other: Self) -> bool {
        self.value < other.value
    }

    fn select(mask: bool, yes: Self, no: Self) -> Self {
        if mask { yes } else { no }
    }

    fn select_rare(mask: bool, usual: Term<Self>, rare: impl Rare<Self>) -> Term<Self> {
        if mask { rare.term() } else { usual }
    }
}
