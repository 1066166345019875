//! Damaged input must give an error or a structure, never a panic, a hang or a huge allocation.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use fulgurite::config::{load_run, parse_force_field, parse_run};
use fulgurite::io::{
    StructureFormat, parse_npy, read_structure_from, write_npy_f64, write_structure,
};
use fulgurite::potential::CompiledForceField;
use fulgurite::protocol::initial_structure;
use fulgurite::system::{SimulationBox, Species, Structure, UnitSystem};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

const MUTATIONS: usize = 10_000;
const TOKENS: &[&str] = &[
    "nan",
    "inf",
    "-inf",
    "1e308",
    "-1e308",
    "1e-308",
    "99999999999999999999",
    "-1",
    "0",
    "2147483647",
    "-2147483648",
    "4294967295",
    "18446744073709551615",
    "1e9",
    "-0",
    "",
    "x",
    "é",
    "\"",
    "#",
    "=",
    ":",
    "ITEM:",
    "Atoms",
    "0x10",
    "1.5",
    "999999999",
];

fn structure() -> Structure {
    let cell = SimulationBox::new([0.5, 0.0, -1.0], [6.0, 7.0, 8.0], [1.0, -0.5, 2.0]);
    let species = [("Si", Some(28.0855)), ("O", Some(15.9994))];
    let species = species.map(|(name, mass)| Species { name: name.into(), mass }).to_vec();
    let positions = (0..6).map(|n| f64::from(n) * 1.37).map(|x| [x, 2.0 * x, -x]).collect();
    let mut s = Structure::new(cell.expect("box"), species, vec![0, 1, 1, 0, 1, 1], positions)
        .expect("structure");
    s.velocities = Some((0..6).map(|n| [f64::from(n), 0.5, -1e-3]).collect());
    s.charges = Some(vec![2.4, -1.2, -1.2, 2.4, -1.2, -1.2]);
    s
}

/// Small valid files of every format, with the variants that other programs write.
fn seeds() -> Vec<(StructureFormat, Vec<u8>)> {
    use StructureFormat::{ExtendedXyz, LammpsData, LammpsDump, NetCdf};
    let directory = tempfile::tempdir().expect("temporary directory");
    let mut seeds = Vec::new();
    for (format, name) in [
        (LammpsData, "a.data"),
        (LammpsDump, "a.dump"),
        (ExtendedXyz, "a.xyz"),
        (NetCdf, "a.nc"),
        (LammpsData, "b.data.gz"),
        (ExtendedXyz, "b.xyz.gz"),
    ] {
        let path = directory.path().join(name);
        write_structure(&path, &structure(), UnitSystem::Metal).expect("written");
        seeds.push((format, std::fs::read(&path).expect("read")));
    }
    let two_frames = [seeds[1].1.as_slice(), seeds[1].1.as_slice()].concat();
    seeds.push((LammpsDump, two_frames));
    let scaled = "ITEM: TIMESTEP\n5\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 5\n0 5\n0 5\nITEM: ATOMS type xs ys zs ix iy iz\n1 0.1 0.2 0.3 0 0 1\n2 0.5 0.5 0.5 0 -1 0\n";
    seeds.push((LammpsDump, scaled.into()));
    let plain = "3\n  cell: 5 6 7\nH 0 1 2\nH 1 1 1\nHe -1 0 0\n";
    seeds.push((ExtendedXyz, plain.into()));
    let turned = "2\nLattice=\"0 4 0 -5 0 0 0 0 6\" Properties=Z:I:1:pos:R:3:forces:R:3 time=1.5\n8 0 1 2 0 0 0\n14 1 1 1 0 0 0\n";
    seeds.push((ExtendedXyz, turned.into()));
    let labels = "t\n2 atoms\n2 atom types\n1 bonds\n0 5 xlo xhi\n0 5 ylo yhi\n0 5 zlo zhi\n\nAtom Type Labels\n\n1 A\n2 B\n\nAtoms # full\n\n1 1 A 0.5 0 0 0 0 0 0\n2 1 B -0.5 1 1 1 0 0 1\n\nBonds\n\n1 1 1 2\n";
    seeds.push((LammpsData, labels.into()));
    seeds
}

fn mutate(bytes: &mut Vec<u8>, random: &mut SmallRng, text: bool) {
    if bytes.is_empty() {
        return;
    }
    match random.random_range(0..if text { 6 } else { 3 }) {
        0 => {
            for _ in 0..random.random_range(1..4) {
                let place = random.random_range(0..bytes.len());
                bytes[place] ^= 1 << random.random_range(0..8);
            }
        }
        1 => bytes.truncate(random.random_range(0..bytes.len())),
        2 => {
            let place = random.random_range(0..bytes.len());
            let fill = [0, 0xff, 0x7f, 0x80][random.random_range(0..4)];
            let end = (place + random.random_range(1..9)).min(bytes.len());
            bytes[place..end].fill(fill);
        }
        kind => {
            let mut lines: Vec<Vec<u8>> =
                bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
            let line = random.random_range(0..lines.len());
            match kind {
                3 => {
                    lines.remove(line);
                }
                4 => lines.insert(random.random_range(0..lines.len()), lines[line].clone()),
                _ => {
                    let mut tokens: Vec<Vec<u8>> =
                        lines[line].split(|b| *b == b' ').map(<[u8]>::to_vec).collect();
                    let token = random.random_range(0..tokens.len());
                    tokens[token] = TOKENS[random.random_range(0..TOKENS.len())].into();
                    lines[line] = tokens.join(&b' ');
                }
            }
            *bytes = lines.join(&b'\n');
        }
    }
}

fn read(format: StructureFormat, bytes: &[u8]) -> Option<Structure> {
    let read = read_structure_from(bytes, format, Path::new("fuzz"));
    if let Ok(s) = &read {
        assert!(s.check_finite().is_ok());
        assert_eq!((s.kinds.len(), s.ids.len(), s.images.len()), (s.len(), s.len(), s.len()));
        for rows in s.velocities.iter() {
            assert_eq!(rows.len(), s.len());
        }
        for rows in s.charges.iter().chain(&s.diameters) {
            assert_eq!(rows.len(), s.len());
        }
        (0..s.len()).for_each(|n| assert!(!s.species_name(n).is_empty()));
    }
    read.ok()
}

#[test]
fn damaged_files_never_panic() {
    let seeds = seeds();
    for (format, bytes) in &seeds {
        assert!(read(*format, bytes).is_some(), "{format:?}: {}", String::from_utf8_lossy(bytes));
    }
    let mut random = SmallRng::seed_from_u64(20_240_917);
    let mut accepted = 0;
    for n in 0..MUTATIONS {
        let (format, seed) = &seeds[n % seeds.len()];
        let mut bytes = seed.clone();
        let text = std::str::from_utf8(seed).is_ok() && *format != StructureFormat::NetCdf;
        for _ in 0..random.random_range(1..4) {
            mutate(&mut bytes, &mut random, text);
        }
        let started = Instant::now();
        accepted += usize::from(read(*format, &bytes).is_some());
        let taken = started.elapsed();
        assert!(taken < Duration::from_secs(2), "{format:?} took {taken:?}");
    }
    // Both outcomes must occur, or the mutations are too mild or too strong to test anything.
    assert!((MUTATIONS / 50..MUTATIONS * 49 / 50).contains(&accepted), "{accepted} accepted");
}

#[test]
fn damaged_arrays_never_panic() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("array.npy");
    write_npy_f64(&path, &[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).expect("written");
    let seed = std::fs::read(&path).expect("read");
    let mut random = SmallRng::seed_from_u64(7);
    let mut accepted = 0;
    for n in 0..MUTATIONS {
        let mut bytes = seed.clone();
        // Most of the file is padding: half of the damage is done to the header's words.
        if n % 2 == 0 {
            let place = random.random_range(8..72);
            bytes[place] = b"0123456789<>|fiub(),' :"[random.random_range(0..23)];
        }
        mutate(&mut bytes, &mut random, false);
        if let Ok(array) = parse_npy(&bytes) {
            assert_eq!(array.shape.iter().product::<usize>(), array.data.len());
            accepted += 1;
        }
    }
    assert!((MUTATIONS / 50..MUTATIONS * 49 / 50).contains(&accepted), "{accepted} accepted");
}

#[test]
fn damaged_configurations_never_panic() {
    let text = |path: &str| std::fs::read(path).expect("part of the repository");
    let seeds = [
        (true, text("configs/quickstart.toml")),
        (true, text("configs/sodium-silicate-3000.toml")),
        (true, text("configs/kob-andersen.toml")),
        (false, text("configs/forcefields/teter.toml")),
        (false, text("configs/forcefields/kob-andersen.toml")),
    ];
    let quickstart = load_run(Path::new("configs/quickstart.toml"), &[]).expect("sound");
    let glass = initial_structure(&quickstart, 1).expect("built");
    let mut random = SmallRng::seed_from_u64(11);
    let mut accepted = 0;
    for n in 0..MUTATIONS {
        let (run, seed) = &seeds[n % seeds.len()];
        let mut bytes = seed.clone();
        for _ in 0..random.random_range(1..4) {
            mutate(&mut bytes, &mut random, true);
        }
        let damaged = String::from_utf8_lossy(&bytes);
        let started = Instant::now();
        let read = if *run {
            parse_run("fuzz.toml", &damaged, Path::new(""), &[]).map(|_| ())
        } else {
            parse_force_field("fuzz.toml", &damaged, Path::new(""))
                .and_then(|field| CompiledForceField::new(&field, &glass).map(|_| ()))
        };
        match read {
            Ok(()) => accepted += 1,
            Err(error) => assert!(!error.remedy().is_empty(), "{error}"),
        }
        let taken = started.elapsed();
        assert!(taken < Duration::from_secs(5), "took {taken:?}:\n{damaged}");
    }
    assert!((MUTATIONS / 50..MUTATIONS * 49 / 50).contains(&accepted), "{accepted} accepted");
}

#[test]
fn compressed_and_endless_lines_stay_small() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        encoder.write_all(&vec![b' '; 1 << 20]).expect("compressed");
    }
    let bomb = encoder.finish().expect("compressed");
    for format in
        [StructureFormat::LammpsData, StructureFormat::LammpsDump, StructureFormat::ExtendedXyz]
    {
        assert!(read(format, &bomb).is_none());
    }
}
