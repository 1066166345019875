//! Labels against OVITO, closed forms, other devices, and bad input.

mod common;

use std::path::{Path, PathBuf};

use fulgurite::Error;
use fulgurite::analysis::NeighborList;
use fulgurite::backend::Backend;
use fulgurite::backend::cpu::CpuBackend;
use fulgurite::backend::reference::ReferenceBackend;
use fulgurite::config::load_force_field;
use fulgurite::io::{
    Frame, FramePrecision, TrajectoryOptions, TrajectoryWriter, read_frames, read_npy,
};
use fulgurite::labels::{
    Context, Coordinates, InherentSearch, LabelDefinition, Labels, Origins, Statistic,
    ThresholdDefinition, compute, compute_frames, nonaffine,
};
use fulgurite::system::{RandomStream, SimulationBox, Species, Stream, Structure, UnitSystem};

fn silent<T>(work: impl FnOnce(&mut Context) -> T) -> T {
    work(&mut Context { minimizer: None, progress: &mut |_| {} })
}

fn definition(text: &str) -> LabelDefinition {
    toml::from_str(text).expect("a definition")
}

fn species() -> Vec<Species> {
    ["A", "B"].map(|name| Species { name: name.into(), mass: Some(1.0) }).to_vec()
}

fn oracle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/labels/sheared.extxyz")
}

fn frames(path: &Path) -> Vec<Structure> {
    read_frames(path).expect("opened").map(|f| f.expect("read").structure).collect()
}

#[test]
fn nonaffine_displacements_equal_ovitos() {
    let array = read_npy(oracle().with_file_name("d2min-ovito.npy")).expect("oracle");
    let wanted = &array.data;
    for (statistic, mean) in [("sum", false), ("mean", true)] {
        let definition = definition(&format!(
            "kind = \"nonaffine\"\ntime = 1\ncutoff = 2.5\nstatistic = \"{statistic}\"\n\
             [threshold]\nkind = \"quantile\"\nmobile = 0.07"
        ));
        let labels = silent(|c| compute(&definition, &[oracle()], c)).expect("labels");
        let start = &frames(&oracle())[0];
        let list = NeighborList::new(start, |_, _| 2.5).expect("neighbours");
        for (i, (value, sum)) in labels.values.iter().zip(wanted).enumerate() {
            let wanted = if mean { sum / list.of(i).len() as f64 } else { *sum };
            assert!((value - wanted).abs() < 1e-10 * wanted.max(1.0), "{i}: {value} {wanted}");
        }
        assert_eq!(labels.mobile.iter().filter(|m| **m).count(), 14);
        assert!((labels.fraction - 0.07).abs() < 1e-12);
        assert!(labels.notes.is_empty());
    }
}

/// The oracle's first frame, mapped.
fn mapped(map: impl Fn([f64; 3]) -> [f64; 3]) -> (Structure, Structure) {
    let start = frames(&oracle()).swap_remove(0);
    let cell = start.simulation_box;
    let [a, b, c] = cell.vectors().map(&map);
    let end_cell =
        SimulationBox::new([0.0; 3], [a[0], b[1], c[2]], [b[0], c[0], c[1]]).expect("box");
    let positions = (0..start.len()).map(|i| map(start.unwrapped(i))).collect();
    let end = Structure::new(end_cell, start.species.clone(), start.kinds.clone(), positions)
        .expect("sound");
    (start, end)
}

#[test]
fn an_affine_map_leaves_nothing() {
    let (start, end) =
        mapped(|r| [1.1 * r[0] + 0.2 * r[1] - 0.1 * r[2], 0.9 * r[1] + 0.3 * r[2], 1.05 * r[2]]);
    let atoms: Vec<usize> = (0..start.len()).collect();
    let found = nonaffine(&start, &end, &atoms, 2.5, |_| true, Statistic::Mean).expect("values");
    assert_eq!(found.deficient, 0);
    assert!(found.values.iter().all(|v| *v < 1e-25), "{:?}", found.values);
}

#[test]
fn too_few_neighbours_fit_anything_and_are_told() {
    let cell = SimulationBox::cubic(20.0).expect("box");
    let species = vec![Species { name: "A".into(), mass: None }];
    // Four atoms in a plane: the best map is one of the plane.
    let at = |z: f64, stretch: f64| {
        let positions =
            vec![[5.0, 5.0, 5.0], [6.0, 5.0, 5.0], [5.0, 6.0 + stretch, 5.0], [4.0, 5.0, 5.0 + z]];
        Structure::new(cell, species.clone(), vec![0; 4], positions).expect("sound")
    };
    // The third neighbour leaves the line through the first and itself: half of z each is left.
    let found = nonaffine(&at(0.0, 0.0), &at(0.2, 0.3), &[0], 1.5, |_| true, Statistic::Sum)
        .expect("value");
    assert_eq!(found.deficient, 1);
    assert!((found.values[0] - 0.02).abs() < 1e-12, "{:?}", found.values);
    let alone = nonaffine(&at(0.0, 0.0), &at(0.2, 0.3), &[0], 0.5, |_| true, Statistic::Sum)
        .expect_err("no neighbours");
    assert!(alone.to_string().contains("atom 1 has no neighbours within 0.5"), "{alone}");
    assert_eq!(alone.exit_code(), 2);
    let long = nonaffine(&at(0.0, 0.0), &at(0.0, 0.0), &[0], 10.5, |_| true, Statistic::Sum)
        .expect_err("too long");
    assert!(matches!(long, Error::CutoffTooLong { .. }), "{long}");
}

/// Atoms on a grid that rest, except atom 0 (of B) which jumps by 0.8 along x at frame 20 and back
/// at frame 45, and atom 1, which jumps by 0.3 at frame 30.
fn steps(path: &Path, number: u64) {
    let cell = SimulationBox::cubic(12.0).expect("box");
    let at = |k: u64| -> Vec<[f64; 3]> {
        (0..64)
            .map(|i| {
                let site = [i % 4, i / 4 % 4, i / 16].map(|x| 3.0 * f64::from(x));
                let jump = match i {
                    0 if (20..45).contains(&k) => 0.8,
                    1 if k >= 30 => 0.3,
                    _ => 0.0,
                };
                [site[0] - jump, site[1], site[2]]
            })
            .collect()
    };
    let kinds = (0..64).map(|i| u16::from(i % 2 == 0)).collect();
    let start = Structure::new(cell, species(), kinds, at(0)).expect("sound");
    let options = TrajectoryOptions {
        units: UnitSystem::Lj,
        precision: FramePrecision::Double,
        velocities: false,
    };
    let mut writer = TrajectoryWriter::create(path, &start, &options).expect("created");
    for k in 0..number {
        writer.append_frame(k, 2.0 * k as f64, &cell, &at(k), None).expect("written");
    }
}

#[test]
fn jumps_are_events_with_the_closed_form_of_p_hop() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("steps.nc");
    steps(&path, 80);
    // Windows of 2 × 5 frames, 2 time units apart.
    let text = "kind = \"hop\"\ntime = 20\nremove_drift = false\n[hop]\nquiet = 30\n";
    let labels =
        silent(|c| compute(&definition(text), std::slice::from_ref(&path), c)).expect("labels");
    let strength = |d: f64, s: i64| d * d * ((6.0 - s as f64) / 6.0).powf(1.5);
    assert_eq!(labels.events.len(), 3);
    for (event, jump, d) in
        [(0, 20u64, 0.8), (2, 45, 0.8), (1, 30, 0.3)].map(|(n, j, d)| (labels.events[n], j, d))
    {
        assert!(event.complete && event.atom == usize::from(d == 0.3), "{event:?}");
        // The frame before the jump and the one after it see the same.
        assert!(event.frame == jump - 1, "{event:?}");
        assert!((event.maximum - strength(d, 1)).abs() < 1e-12, "{event:?}");
        assert!((event.displacement - d * 5.0 / 6.0).abs() < 1e-12, "{event:?}");
        // Opens where p_hop passes 0.05.
        let ahead = (1..6).rev().find(|&s| strength(d, s) >= 0.05).expect("opens");
        assert_eq!(event.start, jump - ahead as u64);
        assert_eq!(event.time, Some(2.0 * event.frame as f64));
    }
    // Two rearrangements of atom 0, and two of the atoms that were quiet for 15 frames.
    assert_eq!(labels.mobile.iter().filter(|m| **m).count(), 2);
    assert_eq!(labels.len(), 4);
    for (origin, values, mobile) in labels.by_origin() {
        for ((&atom, &value), &mobile) in origin.atoms.iter().zip(values).zip(mobile) {
            let frame = origin.frame as i64;
            if mobile {
                assert!(atom == 0 && (frame == 16 || frame == 41), "{atom} {frame}");
                assert!((value - strength(0.8, 1)).abs() < 1e-12);
            } else {
                assert!(value < 0.05 && frame >= 20, "{atom} {frame} {value}");
                assert!(atom != 1 || !(26..50).contains(&frame));
                assert!(atom != 0 || frame > 64, "{frame}");
            }
            assert_eq!(origin.time, Some(2.0 * frame as f64));
        }
    }
    assert!(
        labels.notes[0].starts_with("3 events, 2 of them rearrangements"),
        "{:?}",
        labels.notes
    );
    // The frame before the maximum, which is the last in the old cage.
    let jump = text.replace("quiet = 30", "quiet = 30\nabout = \"jump\"");
    let labels =
        silent(|c| compute(&definition(&jump), std::slice::from_ref(&path), c)).expect("labels");
    let soft: Vec<(u64, usize)> = labels
        .by_origin()
        .flat_map(|(o, _, mobile)| {
            o.atoms.iter().zip(mobile).filter(|(_, m)| **m).map(|(&a, _)| (o.frame, a))
        })
        .collect();
    assert_eq!(soft, [(18, 0), (43, 0)]);
}

#[test]
fn atoms_at_rest_are_labelled_by_the_events_of_the_next_window() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("steps.nc");
    steps(&path, 60);
    let with = |origins: &str, path: &Path| {
        let text = format!(
            "kind = \"hop\"\nspecies = \"B\"\ntime = 20\nremove_drift = false\n\
             origins = {{ {origins} }}\n[hop]\nquiet = 30\nsample = \"all\"\n"
        );
        silent(|c| compute(&definition(&text), &[path.to_path_buf()], c))
    };
    let labels = with("first = 10, interval = 4, number = 11", &path).expect("labels");
    assert_eq!(labels.origins.len(), 11);
    let jump = 0.64 * (5.0_f64 / 6.0).powf(1.5);
    let ahead = 0.64 * (1.0_f64 / 6.0).powf(1.5);
    for (k, (origin, values, mobile)) in labels.by_origin().enumerate() {
        let frame = 5 + 2 * k as u64;
        assert_eq!(origin.frame, frame, "moments are those asked for");
        // Atom 0 jumps at frame 20: its event is from frame 16 to 23, when it cannot be predicted.
        let rests = origin.atoms[0] == 0;
        assert_eq!(rests, !(16..24).contains(&frame), "{frame}");
        assert_eq!(origin.atoms.len(), if rests { 32 } else { 31 });
        if rests {
            let wanted = match frame {
                5 => ahead,
                25 => 0.0,
                _ => jump,
            };
            assert!((values[0] - wanted).abs() < 1e-12, "{frame}: {} {wanted}", values[0]);
            assert_eq!(mobile[0], wanted == jump);
        }
        assert!(!mobile[usize::from(rests)..].contains(&true));
    }
    assert_eq!(labels.events.len(), 2);
    // Without a beginning or a number, every moment with half a window before it and one and a half
    // after it.
    let frames = |labels: &Labels| labels.origins.iter().map(|o| o.frame).collect::<Vec<_>>();
    assert_eq!(frames(&with("interval = 20", &path).expect("labels")), [5, 15, 25, 35]);
    let error = with("first = 10, interval = 4, number = 1000", &path).expect_err("too many");
    assert!(error.to_string().contains("20 of the 1000 moments asked for"), "{error}");
    let error = with("first = 4, interval = 4", &path).expect_err("too early");
    assert!(error.to_string().contains("half a window before it, which is 10"), "{error}");
    // What becomes of an atom in whose event the trajectory ends is not known.
    steps(&path, 50);
    let labels = with("first = 68, interval = 4", &path).expect("labels");
    assert_eq!((frames(&labels), labels.len()), (vec![34], 31));
    assert!(
        labels.notes.iter().any(|n| n.starts_with("1 atoms are left out")),
        "{:?}",
        labels.notes
    );
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("steps.nc");
    steps(&path, 60);
    let hop = definition("kind = \"hop\"\nframes = 8\n[hop]\nquiet = 10\nexamples = 50\n");
    let affine = definition(
        "kind = \"nonaffine\"\nframes = 5\ncutoff = 4.5\norigins = { interval = 3 }\n\
         [threshold]\nkind = \"fixed\"\nvalue = 0.01",
    );
    let with = |threads: usize| -> Vec<Labels> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        [&hop, &affine]
            .map(|d| {
                pool.install(|| silent(|c| compute(d, std::slice::from_ref(&path), c)))
                    .expect("labels")
            })
            .into()
    };
    for (one, three) in with(1).iter().zip(&with(3)) {
        assert_eq!(one.values, three.values);
        assert_eq!(one.mobile, three.mobile);
        assert_eq!(one.events, three.events);
        assert!(!one.is_empty());
        let places = |l: &Labels| -> Vec<(u64, Vec<usize>)> {
            l.origins.iter().map(|o| (o.frame, o.atoms.clone())).collect()
        };
        assert_eq!(places(one), places(three));
    }
}

/// A Kob–Andersen crystal of 343 particles after some minimisation, moved a little for each frame.
fn kob_andersen(frames: u32) -> Vec<Structure> {
    let n = 343;
    let stream = RandomStream::new(5, Stream::Sampling);
    let cell = SimulationBox::cubic((f64::from(n) / 1.2).cbrt()).expect("box");
    let side = 7;
    let spacing = cell.lengths[0] / f64::from(side);
    let positions: Vec<[f64; 3]> = (0..n)
        .map(|i| {
            let site = [i % side, i / side % side, i / side / side];
            [0, 1, 2].map(|k| {
                let wobble = stream.uniform(0, i, k as u32) - 0.5;
                spacing * (f64::from(site[k]) + 0.2 * wobble)
            })
        })
        .collect();
    let kinds = (0..n).map(|i| u16::from(i % 5 == 0)).collect();
    let start = Structure::new(cell, species(), kinds, positions).expect("sound");
    let reference = ReferenceBackend::new();
    let force_field = load_force_field("kob-andersen").expect("preset");
    let mut search = InherentSearch::new(&reference, &force_field).expect("search");
    let rest = search.find(&[start]).expect("minimum").swap_remove(0).structure;
    (1..=frames)
        .map(|frame| {
            let moved = (0..n)
                .map(|i| {
                    let r = rest.unwrapped(i as usize);
                    [0, 1, 2]
                        .map(|k| r[k] + 0.1 * (stream.uniform(u64::from(frame), i, k as u32) - 0.5))
                })
                .collect();
            Structure::new(cell, rest.species.clone(), rest.kinds.clone(), moved).expect("sound")
        })
        .collect()
}

#[test]
fn inherent_structures_of_frames_are_equal_on_all_devices() {
    let frames = kob_andersen(2);
    let force_field = load_force_field("kob-andersen").expect("preset");
    let mut devices: Vec<Box<dyn Backend>> =
        vec![Box::new(ReferenceBackend::new()), Box::new(CpuBackend::new())];
    devices.extend(common::gpu_backends());
    let mut results = Vec::new();
    for backend in &devices {
        let backend = backend.as_ref();
        let mut search = InherentSearch::new(backend, &force_field).expect("search");
        let together = search.find(&frames).expect("minima");
        let alone = search.find(&frames[1..2]).expect("minimum").swap_remove(0);
        assert_eq!(alone.structure, together[1].structure, "{}", backend.capabilities().name);
        assert!(together.iter().all(|i| i.converged && i.evaluations < 2000));
        results.push(together);
    }
    for other in &results[1..] {
        for (a, b) in results[0].iter().zip(other) {
            assert!(
                (a.potential_energy - b.potential_energy).abs() < 1e-5 * a.potential_energy.abs()
            );
            for i in 0..a.structure.len() {
                let (r, s) = (a.structure.unwrapped(i), b.structure.unwrapped(i));
                let apart = (0..3).map(|k| (r[k] - s[k]).powi(2)).sum::<f64>().sqrt();
                assert!(apart < 1e-3, "atom {i} is {apart} apart");
            }
        }
    }
    // All frames are thermal motion around one minimum: its atoms do not move.
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("thermal.nc");
    let options = TrajectoryOptions {
        units: UnitSystem::Lj,
        precision: FramePrecision::Double,
        velocities: false,
    };
    let mut writer = TrajectoryWriter::create(&path, &frames[0], &options).expect("created");
    for (k, s) in frames.iter().enumerate() {
        let r: Vec<[f64; 3]> = (0..s.len()).map(|i| s.unwrapped(i)).collect();
        writer.append_frame(k as u64, k as f64, &s.simulation_box, &r, None).expect("written");
    }
    let text = "kind = \"displacement\"\ntime = 1\ninherent = true\n\
                [threshold]\nkind = \"fixed\"\nvalue = 0.01";
    let cpu = CpuBackend::new();
    let mut context = Context { minimizer: Some((&cpu, &force_field)), progress: &mut |_| {} };
    let labels =
        compute(&definition(text), std::slice::from_ref(&path), &mut context).expect("labels");
    assert!(labels.fraction < 0.01, "{}", labels.fraction);
    let thermal = text.replace("inherent = true\n", "");
    let labels =
        compute(&definition(&thermal), std::slice::from_ref(&path), &mut context).expect("labels");
    assert!(labels.fraction > 0.95, "{}", labels.fraction);
    let error = silent(|c| compute(&definition(text), &[path], c)).expect_err("no force field");
    assert!(error.to_string().contains("inherent structures need a force field"), "{error}");
}

const DISPLACEMENT: &str =
    "kind = \"displacement\"\ntime = 1\n[threshold]\nkind = \"fixed\"\nvalue = 1.0\n";

/// Four atoms in a box of 10 as extended XYZ: names, x, and the time of each frame.
fn written(frames: &[(&str, [f64; 4], f64)], extra: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for (names, x, time) in frames {
        let _ = write!(
            text,
            "{}\nLattice=\"10 0 0 0 10 0 0 0 10\" Properties=species:S:1:pos:R:3 Time={time} {extra}\n",
            names.len()
        );
        for (name, x) in names.chars().zip(x) {
            let _ = writeln!(text, "{name} {x} 5 5");
        }
    }
    text
}

/// The message of what is wrong with a trajectory, without the file's name.
fn refused(definition_text: &str, trajectory: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("t.xyz");
    std::fs::write(&path, trajectory).expect("written");
    let definition = definition(definition_text);
    let error = silent(|c| compute(&definition, &[path], c)).expect_err("refused");
    assert_eq!(error.exit_code(), 2, "{error}");
    assert!(!error.remedy().is_empty());
    let text = error.to_string();
    text.split_once("t.xyz: ").map_or(text.clone(), |t| t.1.to_owned())
}

#[test]
fn trajectories_that_cannot_be_labelled_are_refused() {
    let x = [1.0, 3.0, 6.0, 9.5];
    let sound = [("ABAB", x, 0.0), ("ABAB", [1.1, 3.0, 6.0, 9.6], 1.0)];
    let two = |second: (&'static str, [f64; 4], f64)| written(&[sound[0], second], "");
    assert_eq!(refused(DISPLACEMENT, &two(("ABA", x, 1.0))), "frame 2 has 3 atoms, frame 1 has 4");
    assert_eq!(
        refused(DISPLACEMENT, &two(("AABB", x, 1.0))),
        "atom 2 is A in frame 2 and B in frame 1"
    );
    let ids = "1\nLattice=\"9 0 0 0 9 0 0 0 9\" Properties=id:I:1:species:S:1:pos:R:3 Time=";
    let renumbered = format!("{ids}0\n7 A 1 1 1\n{ids}1\n8 A 1 1 1\n");
    assert_eq!(
        refused(DISPLACEMENT, &renumbered),
        "atom 1 has the id 8 in frame 2 and 7 in frame 1"
    );
    let infinite = written(&[sound[0], ("ABAB", [1.0, f64::NAN, 6.0, 9.0], 1.0)], "");
    assert!(
        refused(DISPLACEMENT, &infinite).contains("NaN"),
        "{}",
        refused(DISPLACEMENT, &infinite)
    );
    // Unwrapped, then wrapped: the last atom crosses the face at 10.
    let crossing = |k: f64| [1.0, 3.0, 6.0, 9.4 + 0.3 * k];
    let mixed = [
        ("ABAB", crossing(0.0), 0.0),
        ("ABAB", crossing(2.5), 1.0),
        ("ABAB", [1.0, 3.0, 6.0, 0.25], 2.0),
    ];
    let mixture = "from frame 2 to frame 3 1 atoms jump by whole boxes: wrapped and unwrapped \
                   coordinates are mixed, or all are wrapped";
    assert_eq!(
        refused(&DISPLACEMENT.replace("time = 1", "time = 2"), &written(&mixed, "")),
        mixture
    );
    let far = [("ABAB", x, 0.0), ("ABAB", [1.0, 3.0, 26.0, 9.5], 1.0)];
    let wrapped = DISPLACEMENT.replace("time = 1", "time = 1\ncoordinates = \"wrapped\"");
    assert_eq!(
        refused(&wrapped, &written(&far, "")),
        "frame 2: atom 3 is outside the box (or image flags say so), but the coordinates are said to \
         be wrapped"
    );
    assert_eq!(
        refused(&DISPLACEMENT.replace("time = 1", "time = 3"), &written(&sound, "")),
        "the trajectory has no frame at time 3; it ends at time 1"
    );
    let uneven = [sound[0], ("ABAB", x, 0.7), ("ABAB", x, 1.4)];
    assert_eq!(
        refused(DISPLACEMENT, &written(&uneven, "")),
        "the trajectory has no frame at time 1: time 1.4 follows time 0.7"
    );
    let origins =
        DISPLACEMENT.replace("time = 1", "frames = 1\norigins = { interval = 1, number = 3 }");
    assert_eq!(
        refused(&origins, &written(&sound, "")),
        "the trajectory has no frame at frame 3; it ends at frame 2"
    );
    let timeless = written(&sound, "").replace("Time=", "Thyme=");
    assert_eq!(refused(DISPLACEMENT, &timeless), "frame 1 says no time");
    let species = DISPLACEMENT.replace("time = 1", "time = 1\nspecies = \"C\"");
    assert_eq!(refused(&species, &written(&sound, "")), "the trajectory has no species `C`");
    let minimum = "kind = \"displacement\"\ntime = 1\n[threshold]\nkind = \"histogram-minimum\"";
    assert_eq!(
        refused(minimum, &written(&sound, "")),
        "the threshold cannot be the minimum of the histogram: 4 values are too few to see two peaks"
    );
    assert!(refused(DISPLACEMENT, "").contains("no frames"));
    let hop = "kind = \"hop\"\ntime = 4\n[hop]\nquiet = 10\n";
    assert_eq!(
        refused(hop, &written(&uneven[..2], "")),
        "label.time: half the window, 2, is not a number of frames, which are 0.7 apart"
    );
    assert_eq!(
        refused(hop, &written(&sound, "")),
        "the trajectory is shorter than the window of 4"
    );
    let gaps = [sound[0], ("ABAB", x, 1.0), ("ABAB", x, 3.0)];
    assert_eq!(
        refused(hop, &written(&gaps, "")),
        "frames are not evenly spaced: time 3 follows time 1, the first two are 1 apart"
    );
}

#[test]
fn definitions_that_make_no_sense_are_refused() {
    let checked = |text: &str| definition(text).check().expect_err("refused");
    let threshold = "[threshold]\nkind = \"fixed\"\nvalue = 1.0\n";
    for (text, what) in [
        ("kind = \"displacement\"\n", "exactly one of `time` and `frames` gives the interval"),
        ("kind = \"displacement\"\ntime = -1\n", "must be a positive number, got -1"),
        ("kind = \"displacement\"\nframes = 0\n", "0 frames are no interval"),
        (
            "kind = \"displacement\"\ntime = 1\ncutoff = 2\n",
            "`cutoff` has no meaning for kind = \"displacement\"",
        ),
        ("kind = \"nonaffine\"\ntime = 1\n", "missing key `cutoff`"),
        ("kind = \"hop\"\ntime = 1\n", "missing table `hop`"),
        (
            "kind = \"displacement\"\ntime = 1\norigins = { number = 3 }\n",
            "3 origins without an interval",
        ),
        (
            "kind = \"displacement\"\ntime = 1\norigins = { first = -3 }\n",
            "must not be negative, got -3",
        ),
    ] {
        let error = checked(&format!("{text}{threshold}"));
        assert!(error.to_string().ends_with(what), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
    let base = "kind = \"displacement\"\ntime = 1\n";
    for (text, what) in [
        ("", "missing table `threshold`"),
        ("[threshold]\nkind = \"fixed\"\nvalue = 0\n", "must be a positive number, got 0"),
        ("[threshold]\nkind = \"quantile\"\nmobile = 1.0\n", "1 is not a part of the atoms"),
    ] {
        let error = checked(&format!("{base}{text}"));
        assert!(error.to_string().ends_with(what), "{error}");
    }
    let quantile = "kind = \"hop\"\ntime = 1\n[hop]\nquiet = 2\n[threshold]\nkind = \"quantile\"\nmobile = 0.5";
    assert!(checked(quantile).to_string().ends_with("p_hop has a fixed threshold"));
    let high = "kind = \"hop\"\ntime = 1\n[hop]\nquiet = 2\nopen = 0.3\n";
    assert!(checked(high).to_string().contains("above the threshold 0.2"));
    // Keys that do not exist, on every level.
    for text in [
        format!("{base}tim = 3\n{threshold}"),
        format!("{base}{threshold}mobile = 0.5\n"),
        format!("{base}origins = {{ every = 2 }}\n{threshold}"),
        format!("{base}[threshold]\nkind = \"histogram-minimum\"\nbins = 3\n"),
    ] {
        let error = toml::from_str::<LabelDefinition>(&text).expect_err("refused");
        assert!(error.to_string().contains("unknown field"), "{error}");
    }
}

#[test]
fn definitions_are_written_as_they_are_read() {
    for text in [
        DISPLACEMENT,
        "kind = \"nonaffine\"\nspecies = [\"A\", \"B\"]\nframes = 3\ncutoff = 2.5\nstatistic = \"sum\"\n\
         inherent = true\n[threshold]\nkind = \"histogram-minimum\"",
        "kind = \"hop\"\nspecies = \"A\"\ntime = 10\n[hop]\nquiet = 100",
    ] {
        let definition = definition(text);
        definition.check().expect("sound");
        let again = toml::to_string(&definition).expect("written");
        assert_eq!(toml::from_str::<LabelDefinition>(&again).expect("read"), definition);
    }
}

/// A gas in a box of 10, its atoms moved along `by` times their number.
fn moved(by: [f64; 3], atoms: u32) -> Structure {
    let stream = RandomStream::new(3, Stream::Sampling);
    let cell = SimulationBox::cubic(10.0).expect("box");
    let positions = (0..atoms)
        .map(|i| [0, 1, 2].map(|k| 10.0 * stream.uniform(0, i, k as u32) + by[k] * f64::from(i)))
        .collect();
    let kinds = (0..atoms).map(|i| u16::from(i % 2 == 0)).collect();
    Structure::new(cell, species(), kinds, positions).expect("sound")
}

#[test]
fn displacements_of_unwrapped_and_wrapped_frames_are_equal() {
    for coordinates in [Coordinates::Unwrapped, Coordinates::Wrapped] {
        let frames = (0..8u32).map(|k| {
            let mut s = moved([0.02, 0.0, -0.01].map(|x| x * f64::from(k)), 40);
            if coordinates == Coordinates::Wrapped {
                s.images.fill([0; 3]);
            }
            Ok(Frame {
                step: None,
                time: Some(0.5 * f64::from(k)),
                forces: None,
                unwrapped: coordinates == Coordinates::Unwrapped,
                structure: s,
            })
        });
        let mut definition =
            LabelDefinition::displacement("A", 2.0, ThresholdDefinition::Fixed { value: 0.5 });
        definition.coordinates = coordinates;
        definition.remove_drift = false;
        definition.origins = Some(Origins { first: 0.5, interval: Some(0.5), number: None });
        let labels = silent(|c| compute_frames(&definition, frames, c)).expect("labels");
        assert_eq!(labels.origins.len(), 3);
        assert_eq!(labels.len(), 60);
        for (origin, values, mobile) in labels.by_origin() {
            for ((&i, value), mobile) in origin.atoms.iter().zip(values).zip(mobile) {
                let exact = i as f64 * (0.08f64.powi(2) + 0.04f64.powi(2)).sqrt();
                assert!((value - exact).abs() < 1e-12, "{value} {exact}");
                assert_eq!(*mobile, exact > 0.5);
            }
        }
        assert_eq!(labels.origins[0].frame, 1);
        assert_eq!(labels.origins[2].time, Some(1.5));
    }
}

#[test]
fn thresholds_of_noisy_histograms() {
    let stream = RandomStream::new(17, Stream::Sampling);
    let normal = |i| stream.normal_pair(0, i, 0)[0];
    // Two Gaussians of width 0.4 at 1 and 3, 60 to 40: the minimum of the exact density.
    for n in [300, 2000, 20000] {
        let values: Vec<f64> =
            (0..n).map(|i| if i % 5 < 3 { 1.0 } else { 3.0 } + 0.4 * normal(i)).collect();
        let found =
            ThresholdDefinition::HistogramMinimum {}.find(&values, false).expect("two peaks");
        assert!((found.value - 2.032).abs() < 0.15, "{n} {found:?}");
        let [a, b] = found.peaks.expect("peaks");
        assert!((a - 1.0).abs() < 0.15 && (b - 3.0).abs() < 0.2, "{found:?}");
        let powers: Vec<f64> = values.iter().map(|v| 10f64.powf(*v)).collect();
        let logarithmic =
            ThresholdDefinition::HistogramMinimum {}.find(&powers, true).expect("two");
        assert!((logarithmic.value.log10() - found.value).abs() < 1e-9);
    }
    let quantile = ThresholdDefinition::Quantile { mobile: 0.07 };
    let values: Vec<f64> = (0..2000).map(normal).collect();
    let threshold = quantile.find(&values, false).expect("found").value;
    assert_eq!(values.iter().filter(|v| **v > threshold).count(), 140);
}

#[test]
fn histograms_of_one_peak_have_no_threshold() {
    let stream = RandomStream::new(17, Stream::Sampling);
    let normal = |i, lane| stream.normal_pair(1, i, lane)[0];
    for n in [100, 600, 1800, 5000] {
        for shape in 0..3 {
            let values: Vec<f64> = (0..n)
                .map(|i| match shape {
                    0 => normal(i, 0),
                    1 => normal(i, 0).hypot(normal(i, 1)).hypot(normal(i, 2)),
                    _ => -(1.0 - stream.uniform(2, i, 0)).ln(),
                })
                .collect();
            let error = ThresholdDefinition::HistogramMinimum {}
                .find(&values, false)
                .expect_err("one peak");
            assert!(error.to_string().ends_with("it has one peak"), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
