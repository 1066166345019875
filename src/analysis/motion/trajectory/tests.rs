use super::*;
use std::fmt::Write as _;

/// Two atoms, one of which crosses the box of 10 by 0.8 a frame.
fn walk(frames: usize, wrapped: bool, stamp: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for k in 0..frames {
        let x = 4.0 + 0.8 * k as f64;
        let x = if wrapped { x % 10.0 } else { x };
        let _ = write!(
            text,
            "2\nLattice=\"10 0 0 0 10 0 0 0 10\" Properties=species:S:1:pos:R:3 {}\n\
             Na {x} 1 1\nCl 5 5 5\n",
            stamp(k)
        );
    }
    text
}

fn read(text: &str, options: &TrajectoryDynamics) -> Result<TrajectoryResult> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("walk.xyz");
    std::fs::write(&path, text).expect("written");
    options.read(&path)
}

fn refused(text: &str, options: &TrajectoryDynamics) -> String {
    let error = read(text, options).expect_err("refused");
    assert_eq!(error.exit_code(), 2);
    let text = error.to_string();
    text.split_once(".xyz: ").map_or(text.clone(), |t| t.1.to_owned())
}

#[test]
fn wrapped_and_unwrapped_files_give_the_same_paths() {
    let time = |k: usize| format!("Time={}", 0.5 * k as f64);
    let mut found = Vec::new();
    for wrapped in [true, false] {
        let result = read(&walk(30, wrapped, time), &TrajectoryDynamics::default()).expect("read");
        assert_eq!((result.frames, result.interval), (30, 0.5));
        // Relative to the centre of mass, sodium moves by the share of the chlorine's mass.
        let share = 35.45 / (35.45 + 22.98976928);
        let na = result.motion.species.iter().find(|s| s.name == "Na").expect("sodium");
        for (t, e) in result.motion.time.iter().zip(&na.mean_square) {
            let exact = (share * 0.8 * t / 0.5).powi(2);
            assert!((e.value - exact).abs() < 1e-3 * exact.max(1e-9), "{t}: {} {exact}", e.value);
        }
        found.push(na.mean_square.clone());
    }
    for (a, b) in found[0].iter().zip(&found[1]) {
        assert!((a.value - b.value).abs() < 1e-9);
    }
}

/// A dump of eight atoms that walk apart through a box of 10, in columns of some kind.
fn columns(names: &str, place: impl Fn(f64) -> String, images: bool) -> String {
    let mut text = String::new();
    for k in 0..40u32 {
        let _ = write!(
            text,
            "ITEM: TIMESTEP\n{k}\nITEM: NUMBER OF ATOMS\n8\n\
             ITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\nITEM: ATOMS id element {names}\n"
        );
        for n in 0..8u32 {
            let speed = if n % 2 == 0 { 0.25 } else { -0.25 } * f64::from(1 + n / 2);
            let x = 1.1 * f64::from(n) + speed * f64::from(k);
            let flags = if images { format!(" {} 0 0", (x / 10.0).floor()) } else { String::new() };
            let _ = writeln!(text, "{} A {} {} {}{flags}", n + 1, place(x), place(1.0), place(2.0));
        }
    }
    text
}

#[test]
fn atoms_a_little_outside_of_the_box_are_still_wrapped() {
    let directory = tempfile::tempdir().expect("a directory");
    // LAMMPS wraps when it rebuilds its lists: atoms stray a little in between.
    let stray = |x: f64| (x + 0.3).rem_euclid(10.0) - 0.3;
    let files = [
        columns("xu yu zu", |x| format!("{x}"), false),
        columns("x y z ix iy iz", |x| format!("{}", x.rem_euclid(10.0)), true),
        columns("x y z", |x| format!("{}", stray(x)), false),
        columns("xs ys zs", |x| format!("{}", stray(x) / 10.0), false),
        columns("xsu ysu zsu", |x| format!("{}", x / 10.0), false),
    ];
    let found = files.map(|text| {
        let path = directory.path().join("walk.lammpstrj");
        std::fs::write(&path, text).expect("written");
        let options = TrajectoryDynamics { timestep: Some(1.0), ..Default::default() };
        options.read(&path).expect("read").motion.species[0].mean_square.clone()
    });
    // Each of the speeds 0.25, 0.5, 0.75, 1 twice, in both directions.
    let speeds: f64 = (1..=4).map(|n| (0.25 * f64::from(n)).powi(2)).sum::<f64>() / 4.0;
    for (which, curve) in found.iter().enumerate() {
        assert!((curve[1].value - speeds).abs() < 1e-6, "{which}: {:?}", curve[1]);
        for (a, b) in curve.iter().zip(&found[0]) {
            assert!((a.value - b.value).abs() < 1e-6 * b.value.max(1.0), "{which}: {a:?} {b:?}");
        }
    }
}

#[test]
fn far_outside_of_the_box_is_unwrapped() {
    // More than half a box a frame, as written by programs that never wrap.
    let mut text = String::new();
    for k in 0..12 {
        let x = 6.0 * f64::from(k);
        let _ = write!(
            text,
            "2\nLattice=\"10 0 0 0 10 0 0 0 10\" Properties=species:S:1:pos:R:3 Time={k}\n\
             A {} 1 1\nA {} 5 5\n",
            1.0 + x,
            2.0 - x
        );
    }
    let result = read(&text, &TrajectoryDynamics::default()).expect("read");
    let curve = &result.motion.species[0].mean_square;
    assert!((curve[1].value - 36.0).abs() < 1e-6, "{:?}", curve[1]);
}

/// Walkers with velocities as a LAMMPS dump, each frame in an order of its own.
fn dump(shuffled: bool) -> String {
    let mut text = String::new();
    for frame in 0..24u64 {
        let _ = write!(
            text,
            "ITEM: TIMESTEP\n{frame}\nITEM: NUMBER OF ATOMS\n7\n\
             ITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\n\
             ITEM: ATOMS id element xu yu zu vx vy vz\n"
        );
        for n in 0..7 {
            let id = if shuffled { 1 + (n * 3 + frame * 2) % 7 } else { 1 + n };
            let x = |k: u64| (id * k) as f64 + 0.1 * ((frame * frame * id * k) % 17) as f64;
            let name = if id % 3 == 0 { "Na" } else { "O" };
            let _ =
                writeln!(text, "{id} {name} {} {} {} {} {} {}", x(1), x(2), x(3), x(5), x(6), x(7));
        }
    }
    text
}

#[test]
fn vibrations_faster_than_frames_and_flat_boxes_are_remarked() {
    // Two atoms of one mass against each other at 20 THz, in frames of 0.1 ps and of 0.01 ps.
    let remarks = |interval: f64, height: f64| {
        let mut text = String::new();
        for k in 0..60 {
            let phase = std::f64::consts::TAU * 20.3 * interval * f64::from(k);
            let (x, v) = (0.1 * phase.sin(), phase.cos());
            let _ = write!(
                text,
                "2\nLattice=\"20 0 0 0 20 0 0 0 {height}\" \
                 Properties=species:S:1:pos:R:3:velo:R:3 Time={}\n\
                 A {} 1 0.2 {v} 0 0\nA {} 5 0.2 {} 0 0\n",
                interval * f64::from(k),
                5.0 + x,
                9.0 - x,
                -v
            );
        }
        let result = read(&text, &TrajectoryDynamics::default()).expect("read");
        result.remarks(&Units::METAL).join("; ")
    };
    let coarse = remarks(0.1, 20.0);
    assert!(coarse.contains("up to 5.000 THz") && coarse.contains("every 0.0125 ps"), "{coarse}");
    assert_eq!(remarks(0.01, 20.0), "");
    assert!(remarks(0.01, 1.0).starts_with("the box is flat"));
}

#[test]
fn still_and_lonely_atoms_are_named() {
    let lonely = "1\nLattice=\"9 0 0 0 9 0 0 0 9\" Properties=species:S:1:pos:R:3 Time=";
    let text: String = (0..9).map(|k| format!("{lonely}{k}\nA {k} 1 1\n")).collect();
    let said = refused(&text, &TrajectoryDynamics::default());
    assert_eq!(said, "one atom has no motion relative to its centre of mass");
    let time = |k: usize| format!("Time={k}");
    let frozen = walk(1, true, time).repeat(12);
    let options = TrajectoryDynamics { interval: Some(1.0), ..Default::default() };
    let result = read(&frozen, &options).expect("read");
    assert_eq!(result.remarks(&Units::METAL), ["Na does not move", "Cl does not move"]);
}

#[test]
fn the_odd_interval_is_named() {
    // Two stages of evenly spaced frames with a shorter step between them.
    let times = [1.0, 2.0, 3.0, 4.0, 4.5, 5.5, 6.5];
    let error = even(Path::new("x.nc"), &times).expect_err("uneven").to_string();
    assert!(error.contains("4.5 follows 4, most are 1.000000 apart"), "{error}");
    assert_eq!(even(Path::new("x.nc"), &times[..4]).expect("even"), 1.0);
}

#[test]
fn atoms_in_any_order_are_the_same_atoms() {
    let directory = tempfile::tempdir().expect("a directory");
    let [sorted, shuffled] = [false, true].map(|shuffled| {
        let path = directory.path().join("walk.lammpstrj");
        std::fs::write(&path, dump(shuffled)).expect("written");
        let options = TrajectoryDynamics { timestep: Some(0.5), ..Default::default() };
        options.read(&path).expect("read")
    });
    // Errors are over groups of atoms, which follow the order of the first frame.
    for (a, b) in sorted.motion.species.iter().zip(&shuffled.motion.species) {
        assert_eq!(a.name, b.name);
        for (x, y) in a.mean_square.iter().zip(&b.mean_square) {
            assert!((x.value - y.value).abs() < 1e-9 * x.value.max(1.0), "{x:?} {y:?}");
        }
    }
    for (a, b) in sorted.velocities.iter().zip(&shuffled.velocities) {
        let (a, b) = (&a.correlation, &b.correlation);
        assert!(a.iter().zip(b).all(|(x, y)| (x.value - y.value).abs() < 1e-9));
    }
}

#[test]
fn a_selection_drifts_with_the_system() {
    // One atom walks, 99 of the same mass stand: it keeps 0.99 of its path.
    let mut text = String::new();
    for k in 0..20 {
        let _ = write!(
            text,
            "100\nLattice=\"20 0 0 0 20 0 0 0 20\" Properties=species:S:1:pos:R:3 Time={k}\n"
        );
        for i in 0..99 {
            let _ = writeln!(text, "A {} {} {}", i % 5 * 4, i / 5 % 5 * 4, i / 25 * 4);
        }
        let _ = writeln!(text, "X {} 1 1", 0.3 * f64::from(k));
    }
    let of = |species: &[&str]| {
        let species = species.iter().map(|s| (*s).to_owned()).collect();
        let result = read(&text, &TrajectoryDynamics { species, ..Default::default() });
        let result = result.expect("read");
        let x = result.motion.species.iter().find(|s| s.name == "X").expect("X");
        x.mean_square.iter().map(|e| e.value).collect::<Vec<_>>()
    };
    let (alone, among) = (of(&["X"]), of(&[]));
    for (lag, (a, b)) in alone.iter().zip(&among).enumerate().skip(1) {
        assert!((a - b).abs() < 1e-9 * b && *a > 0.08, "{lag}: {a} {b}");
    }
}

#[test]
fn bad_trajectories_are_refused_by_name() {
    let time = |k: usize| format!("Time={}", 0.5 * k as f64);
    let plain = TrajectoryDynamics::default();
    let none = |_: usize| String::new();
    assert_eq!(refused(&walk(5, true, none), &plain), "frame 1 says no time");
    assert!(
        read(&walk(5, true, none), &TrajectoryDynamics { interval: Some(0.1), ..plain.clone() })
            .is_ok()
    );
    assert_eq!(refused(&walk(1, true, time), &plain), "one frame has no dynamics");
    let other = TrajectoryDynamics { species: vec!["K".into()], ..plain.clone() };
    assert_eq!(refused(&walk(5, true, time), &other), "the selection has no atoms: no species K");
    let late = TrajectoryDynamics { window: Some([90.0, 99.0]), ..plain.clone() };
    assert_eq!(refused(&walk(5, true, time), &late), "no frame to analyse");
    let uneven = |k: usize| format!("Time={}", k * k);
    let said = refused(&walk(5, true, uneven), &plain);
    assert!(said.starts_with("frames are not evenly spaced in time"), "{said}");
    let mut mixed = walk(3, true, time);
    mixed.push_str(
        "1\nLattice=\"10 0 0 0 10 0 0 0 10\" Properties=species:S:1:pos:R:3 Time=1.5\nNa 1 1 1\n",
    );
    assert_eq!(refused(&mixed, &plain), "frame 4 has 1 atoms, the first has 2");
    let swapped =
        walk(3, true, time).replacen("Na", "X", 2).replacen("Cl", "Na", 2).replace('X', "Cl");
    assert!(refused(&swapped, &plain).contains("has other atoms than the one before"));
}
