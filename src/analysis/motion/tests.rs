use super::*;
use crate::system::{RandomStream, SimulationBox, Species, Stream};

const STEP: f64 = 0.3;
const INTERVAL: f64 = 0.5;

fn options() -> MotionOptions {
    MotionOptions {
        wave_vectors: vec![1.5, 3.0],
        overlap_length: 0.9,
        bin: 0.1,
        cutoff: 4.0,
        longest: 0.5,
        origins: 200,
        collective: true,
        distinct: false,
    }
}

fn gas(atoms: usize, seed: u64) -> Structure {
    let stream = RandomStream::new(seed, Stream::Sampling);
    let species = ["A", "B", "C"].map(|n| Species { name: n.into(), mass: Some(1.0) }).to_vec();
    // No atoms of C.
    let kinds = (0..atoms).map(|i| u16::from(i % 3 == 0)).collect();
    let positions =
        (0..atoms).map(|i| [0, 1, 2].map(|k| 12.0 * stream.uniform(0, i as u32, k))).collect();
    let tilted = SimulationBox::new([0.0; 3], [12.0, 12.0, 12.0], [2.0, -1.0, 3.0]).expect("a box");
    Structure::new(tilted, species, kinds, positions).expect("sound")
}

/// Every coordinate moves by a Gaussian of variance STEP² in each interval.
fn walk(atoms: usize, samples: u32, seed: u64, options: &MotionOptions) -> Motion {
    let mut structure = gas(atoms, seed);
    let mut motion = Motion::new(&structure, INTERVAL, samples, options).expect("sound");
    for sample in 0..samples {
        motion.push(&structure).expect("the same atoms");
        advance(&mut structure, u64::from(sample), seed);
    }
    motion
}

fn advance(structure: &mut Structure, sample: u64, seed: u64) {
    let stream = RandomStream::new(seed, Stream::Langevin);
    for (i, r) in structure.positions.iter_mut().enumerate() {
        let [a, b] = stream.normal_pair(sample, i as u32, 0);
        let [c, _] = stream.normal_pair(sample, i as u32, 2);
        *r = [r[0] + STEP * a, r[1] + STEP * b, r[2] + STEP * c];
    }
    structure.wrap();
}

#[test]
fn a_random_walk_diffuses_as_it_must_within_its_error_bars() {
    // ⟨Δr²⟩ = 3 STEP² t/INTERVAL = 6 D t.
    let exact = STEP * STEP / (2.0 * INTERVAL);
    let (mut within, mut twice, trials) = (0, 0, 60);
    let mut mean = 0.0;
    for seed in 0..trials {
        let result =
            walk(90, 120, seed, &MotionOptions { collective: false, ..options() }).finish();
        let found = result.species[0].diffusion.expect("enough lags");
        assert!((found.exponent - 1.0).abs() < 0.5 && found.window[1] == 60.0 * INTERVAL);
        let error = found.coefficient.error.expect("enough blocks");
        mean += found.coefficient.value / trials as f64;
        within += u32::from((found.coefficient.value - exact).abs() < error);
        twice += u32::from((found.coefficient.value - exact).abs() < 2.0 * error);
    }
    // Taking away the drift of 90 walkers costs 1/90.
    assert!((mean / exact - 1.0).abs() < 0.04, "{}", mean / exact);
    // 68 and 95 % of normal errors; ours are the larger of two.
    assert!((36..=56).contains(&within), "{within} of {trials} within one standard error");
    assert!(twice >= 51, "{twice} of {trials} within two");
}

#[test]
fn gaussian_diffusion_has_its_closed_forms() {
    let options = options();
    let result = walk(1500, 400, 7, &options).finish();
    assert_eq!(result.species.len(), 2, "species without atoms are left out");
    let near = |e: &Estimate, exact: f64, least: f64, what: &str| {
        let error = e.error.unwrap_or(0.0).max(least);
        assert!((e.value - exact).abs() <= 4.5 * error, "{what}: {} ± {error}, {exact}", e.value);
    };
    for (l, &t) in result.time.iter().enumerate() {
        let variance = STEP * STEP * t / INTERVAL;
        for s in &result.species {
            near(&s.mean_square[l], 3.0 * variance, 1e-3 * variance, "mean square");
            if l > 0 {
                near(&s.non_gaussian[l], 0.0, 2e-3, "α₂");
            }
            for (q, &wave) in result.wave_vectors.iter().enumerate() {
                let exact = (-0.5 * wave * wave * variance).exp();
                near(&s.self_scattering[q][l], exact, 1e-3, "F_s");
            }
            // P(|Δr| < a) of three Gaussians.
            let x = options.overlap_length / (2.0 * variance).sqrt();
            let inside = if l == 0 {
                1.0
            } else {
                libm::erf(x) - 2.0 / std::f64::consts::PI.sqrt() * x * (-x * x).exp()
            };
            near(&s.overlap[l], inside, 1e-3, "overlap");
        }
        // Independent atoms: a binomial number of them, χ₄ = p (1 − p).
        let p = result.all.0[l].value;
        if let Some(error) = result.all.1[l].error {
            let chi = result.all.1[l].value;
            assert!((chi - p * (1.0 - p)).abs() < 4.5 * error.max(0.02), "χ₄ {chi} ± {error} {p}");
        }
    }
    for (c, &t) in result.chosen.iter().enumerate() {
        let variance = STEP * STEP * t / INTERVAL;
        let norm = (std::f64::consts::TAU * variance).powf(-1.5);
        for (k, &r) in result.distance.iter().enumerate() {
            let exact =
                4.0 * std::f64::consts::PI * r * r * norm * (-r * r / (2.0 * variance)).exp();
            let found = &result.species[0].distribution[c][k];
            near(found, exact, 0.01 * exact + 3e-3, "distribution");
        }
    }
    // An ideal gas scatters collectively as each atom does: S(q) = 1, F = F_s.
    for (q, name, curve) in &result.collective {
        for (e, &t) in curve.iter().zip(&result.time) {
            let exact = (-0.5 * q * q * STEP * STEP * t / INTERVAL).exp();
            near(e, exact, 0.05, name);
        }
    }
}

#[test]
fn the_past_of_a_gas_is_everywhere_and_that_of_a_crystal_on_its_sites() {
    let options = MotionOptions { distinct: true, collective: false, ..options() };
    let result = walk(500, 8, 3, &options).finish();
    assert!(!result.distinct.is_empty());
    for (_, pair) in &result.distinct {
        let far: Vec<f64> =
            pair.g.iter().zip(&pair.r).filter(|(_, r)| **r > 2.0).map(|(g, _)| g.value).collect();
        let mean = far.iter().sum::<f64>() / far.len() as f64;
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
        // Where there is an error it is that of the scatter about 1.
        let errors: Vec<f64> = pair.g.iter().filter_map(|g| g.error).collect();
        if !errors.is_empty() {
            assert_eq!(errors.len(), pair.g.len());
            let last = errors.len() - 1;
            let deviation = (pair.g[last].value - 1.0).abs();
            assert!(errors[last] > 0.0 && deviation < 6.0 * errors[last] + 0.05);
        }
    }
    let long = walk(200, 60, 3, &options).finish();
    assert!(long.distinct[0].1.g.iter().all(|g| g.error.is_some()), "short lags have errors");
    let mut positions = Vec::new();
    for n in 0..216 {
        positions.push([n % 6, n / 6 % 6, n / 36].map(|c| 2.0 * f64::from(c) + 0.5));
    }
    let cube = SimulationBox::cubic(12.0).expect("cube");
    let species = vec![Species { name: "A".into(), mass: None }];
    let crystal = Structure::new(cube, species, vec![0; 216], positions).expect("sound");
    let mut motion = Motion::new(&crystal, 1.0, 5, &options).expect("sound");
    for _ in 0..5 {
        motion.push(&crystal).expect("the same atoms");
    }
    let result = motion.finish();
    let (_, pair) = &result.distinct[0];
    // Six neighbours at 2.0 and twelve at 2√2; nothing where the atom itself stays.
    let shell = |from: f64, to: f64| -> f64 {
        let width = pair.r[1] - pair.r[0];
        let inside = pair.r.iter().zip(&pair.g).filter(|(r, _)| **r > from && **r < to);
        inside
            .map(|(r, g)| {
                let (a, b) = (r - 0.5 * width, r + 0.5 * width);
                g.value * 215.0 / 1728.0 * 4.0 / 3.0
                    * std::f64::consts::PI
                    * (b.powi(3) - a.powi(3))
            })
            .sum()
    };
    assert!((shell(0.0, 1.5)).abs() < 1e-12);
    assert!((shell(1.5, 2.4) - 6.0).abs() < 1e-9 && (shell(2.4, 3.2) - 12.0).abs() < 1e-9);
    assert_eq!(result.species[0].mean_square.last().expect("lags").value, 0.0);
}

#[test]
fn threads_and_interruptions_change_nothing() {
    let options = MotionOptions { distinct: true, ..options() };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let options = MotionOptions { distinct: false, ..options.clone() };
        pool.install(|| walk(9000, 8, 5, &options))
    };
    let one = run(1);
    assert!(one == run(3));
    let mut structure = gas(200, 2);
    let mut whole = Motion::new(&structure, INTERVAL, 20, &options).expect("sound");
    let mut cut = whole.clone();
    for sample in 0..20 {
        whole.push(&structure).expect("the same atoms");
        cut.push(&structure).expect("the same atoms");
        let bytes = postcard::to_stdvec(&cut).expect("bytes");
        cut = postcard::from_bytes(&bytes).expect("the same");
        advance(&mut structure, sample, 2);
    }
    assert!(whole == cut);
}

#[test]
fn bad_input_is_refused_by_name() {
    let structure = gas(30, 1);
    let refused = |e: Error| (e.to_string(), e.exit_code());
    let error = Motion::new(&structure, 1.0, 1, &options()).expect_err("refused");
    assert_eq!(refused(error), ("one frame has no dynamics".into(), 2));
    let mut empty = structure.clone();
    (empty.kinds, empty.positions) = (Vec::new(), Vec::new());
    let error = Motion::new(&empty, 1.0, 9, &options()).expect_err("refused");
    assert_eq!(refused(error), ("the selection has no atoms".into(), 2));
    let mut motion = Motion::new(&structure, 1.0, 9, &options()).expect("sound");
    motion.push(&structure).expect("the first");
    let error = motion.push(&gas(31, 1)).expect_err("refused");
    let wanted = "frame 2 has 31 atoms, the first has 30, or other species";
    assert_eq!(refused(error), (wanted.into(), 2));
}
