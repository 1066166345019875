//! Pairs and density waves: all devices against the reference.

mod gpu_support;

use fulgurite::analysis::{DensityWave, PartialRdf};
use fulgurite::backend::Backend;
use fulgurite::backend::cpu::{CpuBackend, Level};
use fulgurite::backend::gpu::GpuOptions;
use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::io::read_structure;
use fulgurite::system::{RandomStream, SimulationBox, Species, Stream, Structure};

fn gas(n: u32, species: u32, tilts: [f64; 3]) -> Structure {
    let stream = RandomStream::new(8, Stream::Sampling);
    let cell = SimulationBox::new([1.0, 2.0, -3.0], [17.0, 18.0, 19.0], tilts).expect("box");
    let positions = (0..n)
        .map(|i| cell.to_cartesian([0, 1, 2].map(|lane| 2.0 * stream.uniform(0, i, lane))))
        .collect();
    let names = (0..species).map(|k| Species { name: format!("X{k}"), mass: None }).collect();
    let kinds = (0..n).map(|i| (i % species) as u16).collect();
    Structure::new(cell, names, kinds, positions).expect("sound")
}

fn glass() -> Structure {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sodium-silicate/glass-300K.data.gz");
    read_structure(path).expect("the reference glass")
}

fn devices() -> Vec<Box<dyn Backend>> {
    let mut devices: Vec<Box<dyn Backend>> = Vec::new();
    for level in Level::available() {
        devices.push(Box::new(CpuBackend::with_level(level)));
    }
    for gpu in gpu_support::backends(&GpuOptions::default()) {
        devices.push(Box::new(gpu));
    }
    devices
}

#[test]
fn every_device_counts_the_same_pairs() {
    let reference = ReferenceBackend::new();
    // Tilted and straight; radii within the box and over several images; one pass and several; a
    // cell with more atoms than a workgroup has threads.
    let cases = [
        (gas(700, 3, [0.0; 3]), 5.0, 250),
        (gas(700, 2, [5.0, -4.0, 3.0]), 7.0, 70),
        (gas(60, 1, [5.0, -4.0, 3.0]), 30.0, 300),
        (gas(300, 7, [0.0; 3]), 6.0, 500),
        (gas(500, 2, [0.0; 3]), 16.0, 32),
        (gas(1, 1, [0.0; 3]), 40.0, 40),
    ];
    let devices = devices();
    for (gas, cutoff, bins) in &cases {
        let wanted = reference.pair_counts(gas, *cutoff, *bins).expect("counted");
        assert!(wanted.counts.iter().sum::<u64>() > 0);
        for device in &devices {
            let found = device.pair_counts(gas, *cutoff, *bins).expect("counted");
            assert!(found == wanted, "{}: {cutoff} {bins}", device.capabilities().name);
        }
    }
    // The glass: the same g(r) as in double precision but for pairs at the edges of bins.
    let glass = glass();
    let mut exact = PartialRdf::new(&glass, 10.0, 0.02).expect("bins");
    exact.add(&glass).expect("counted");
    let wanted = CpuBackend::new().pair_counts(&glass, 10.0, 500).expect("counted");
    for device in &devices {
        let found = device.pair_counts(&glass, 10.0, 500).expect("counted");
        assert!(found == wanted, "{}", device.capabilities().name);
    }
    let mut rounded = PartialRdf::new(&glass, 10.0, 0.02).expect("bins");
    rounded.add_counts(&wanted, &glass);
    for (a, b) in exact.partials().iter().zip(&rounded.partials()) {
        for k in 0..a.r.len() {
            // Half a bin's population cannot cross its edges: they move by a hundredth of a bin.
            let most = 0.05 * (a.counts[k.saturating_sub(1)] + a.counts[k]) as f64 + 4.0;
            assert!((a.counts[k] as f64 - b.counts[k] as f64).abs() <= most, "{:?} {k}", a.species);
            assert!((a.running[k] - b.running[k]).abs() < 2e-3 * (1.0 + a.running[k]));
        }
    }
}

#[test]
fn every_device_sums_the_same_waves() {
    let glass = glass();
    let cases = [(gas(900, 3, [5.0, -4.0, 3.0]), 400), (gas(1, 2, [0.0; 3]), 10), (glass, 300)];
    let reference = ReferenceBackend::new();
    let devices = devices();
    for (structure, number) in cases {
        let vectors: Vec<[i32; 3]> =
            (0..number).map(|k| [k % 17 - 8, k / 17 % 11 - 5, 3 * k - 200]).collect();
        let wanted = reference.density_waves(&structure, &vectors).expect("summed");
        assert_eq!(wanted.len(), vectors.len() * structure.species.len());
        let limit = 1e-5 * (structure.len() as f64).sqrt();
        let mut on_cpu: Option<Vec<DensityWave>> = None;
        for device in &devices {
            let name = &device.capabilities().name;
            let found = device.density_waves(&structure, &vectors).expect("summed");
            for (a, b) in found.iter().zip(&wanted) {
                let error = (a[0] - b[0]).hypot(a[1] - b[1]);
                assert!(error < limit, "{name}: {a:?} {b:?}");
            }
            // Every instruction set has the same bits.
            if name.starts_with("cpu") {
                assert!(*on_cpu.get_or_insert_with(|| found.clone()) == found, "{name}");
            }
        }
        assert!(devices[0].density_waves(&structure, &[]).expect("nothing").is_empty());
    }
}
