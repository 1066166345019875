//! Devices that fuse multiply-add have one operation for each remainder where the others multiply
//! halves. No software driver fuses, so the operations run here on the processor's own fused
//! multiply-add, and the kernel's text is checked to be made of them.

use fulgurite::backend::gpu::{Compiler, Kernel, PotentialKind};
use fulgurite::potential::FormKind;

/// r, (√r² - r)/r beyond rounding, 1/r and 1/r² from a root that is off by some units.
fn distance_of(r2: f32, y: f32) -> [f32; 4] {
    let r = r2 * y;
    let remainder = (-r).mul_add(r, r2);
    let relative = 0.5 * y * (y * remainder);
    let inverse = y + y * ((-r).mul_add(y, 1.0) - relative);
    let square = inverse * inverse;
    [r, relative, inverse, square + square * (-r2).mul_add(square, 1.0)]
}

fn exp2_of_distance(rate: f32, r: f32, relative: f32) -> f32 {
    let product = rate * r;
    let beyond = product.mul_add(relative, rate.mul_add(r, -product));
    let held = product.max(-126.0);
    let nearest = held.round_ties_even();
    let f = (held - nearest) + beyond;
    let coefficients = [
        0.00015461447765119374,
        0.0013390866806730628,
        0.009618056938052177,
        0.055503569543361664,
        0.24022650718688965,
        0.6931471824645996,
        1.0f64,
    ];
    let power = coefficients
        .into_iter()
        .map(|c| c as f32)
        .reduce(|q, c| q.mul_add(f, c))
        .expect("not empty");
    f32::from_bits((power.to_bits() as i32 + ((nearest as i32) << 23)) as u32)
}

#[test]
fn fused_remainders_round_once() {
    let [mut worst_root, mut worst_inverse, mut worst_square, mut worst_power] = [0.0f64; 4];
    for k in 0..40_000u32 {
        let r2 = 0.01 + 0.003_602_1 * k as f32;
        let exact = f64::from(r2).sqrt();
        for off in -3..=3i32 {
            let y = f32::from_bits(((1.0 / exact) as f32).to_bits().wrapping_add_signed(off));
            let [r, relative, inverse, inverse2] = distance_of(r2, y);
            let error = |have: f64, want: f64| (have / want - 1.0).abs();
            worst_root = worst_root.max(error(f64::from(r) * (1.0 + f64::from(relative)), exact));
            worst_inverse = worst_inverse.max(error(f64::from(inverse), 1.0 / exact));
            worst_square = worst_square.max(error(f64::from(inverse2), 1.0 / f64::from(r2)));
            for rate in [-4.198_149f32, -2.775_558, -0.7] {
                let have = f64::from(exp2_of_distance(rate, r, relative));
                worst_power = worst_power.max(error(have, (f64::from(rate) * exact).exp2()));
            }
        }
    }
    println!(
        "root {worst_root:.2e} 1/r {worst_inverse:.3e} 1/r² {worst_square:.3e} 2^x {worst_power:.3e}"
    );
    // Half a unit in the last place is 2^-24 = 5.96e-8 at most.
    assert!(worst_root < 1e-12, "{worst_root:e}");
    assert!(worst_inverse < 6.1e-8, "{worst_inverse:e}");
    assert!(worst_square < 6.1e-8, "{worst_square:e}");
    assert!(worst_power < 7.5e-8, "{worst_power:e}");
}

#[test]
fn the_smallest_powers_stay_small() {
    for k in 0..4000 {
        let r = 0.5 + 0.01 * k as f32;
        for rate in [-12.0f32, -18.0336, -31.7, -400.0] {
            let have = exp2_of_distance(rate, r, 0.0);
            let want = (f64::from(rate) * f64::from(r)).exp2();
            assert!(
                (f64::from(have) - want).abs() <= 2e-7 * want + 1.5e-38,
                "{rate} {r}: {have:e}"
            );
        }
    }
}

#[test]
fn the_kernel_is_made_of_these_operations() {
    let potential = PotentialKind { form: FormKind::Buckingham, damping_terms: Some(11) };
    let text = Kernel::Force.wgsl(potential, Compiler { fused: true, shuffles: true });
    for line in [
        "const FUSED: bool = true;",
        "return fma(-r, r, r2);",
        "return fma(-a, b, 1.0);",
        "let r = r2 * y;",
        "let remainder = remainder_of_square(r2, r);",
        "let relative = 0.5 * y * (y * remainder);",
        "let inverse = y + y * (miss_of_product(r, y) - relative);",
        "let square = inverse * inverse;",
        "let inverse2 = square + square * miss_of_product(r2, square);",
        "let product = rate * d.r;",
        "let beyond = fma(product, d.relative, fma(rate, d.r, -product));",
        "let held = max(product, -126.0);",
        "let nearest = round(held);",
        "return exp2_of_parts(nearest, (held - nearest) + beyond);",
    ] {
        assert!(text.contains(line), "{line}");
    }
}
