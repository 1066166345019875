use super::*;
use crate::system::{SimulationBox, Species, Units};

fn data(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn parse(text: &str, format: StructureFormat) -> Result<Structure> {
    read_structure_from(text.as_bytes(), format, Path::new("input"))
}

fn line_of(result: Result<Structure>) -> usize {
    match result {
        Err(Error::Format { line, .. }) => line,
        other => panic!("expected a format error, got {other:?}"),
    }
}

/// A tilted box with everything a structure can have except diameters.
fn tilted() -> Structure {
    let cell = SimulationBox::new([0.25, -0.5, 1.0], [8.0, 7.0, 9.5], [1.5, -2.0, 0.75]);
    let species = [("Na", 22.98976928), ("O", 15.9994)]
        .map(|(name, mass)| Species { name: name.into(), mass: Some(mass) });
    let positions = vec![[0.1, 0.2, 0.3], [25.7, -9.1, 3.3], [1.0 / 3.0, 2.0 / 7.0, 9.123456789]];
    let mut s = Structure::new(cell.expect("box"), species.to_vec(), vec![1, 0, 1], positions)
        .expect("structure");
    s.velocities = Some(vec![[0.1, -1e-7, 3.0], [1.0 / 3.0, 0.0, -0.0], [1e-12, 5.0, 6.0]]);
    s.charges = Some(vec![-1.2, 0.6, -1.2]);
    s.ids = vec![7, 3, 12];
    s
}

fn close(a: &[[f64; 3]], b: &[[f64; 3]], tolerance: f64) -> bool {
    let pairs = a.as_flattened().iter().zip(b.as_flattened());
    a.len() == b.len() && pairs.into_iter().all(|(x, y)| (x - y).abs() <= tolerance)
}

#[test]
fn reference_glasses() {
    for name in ["glass-300K", "glass-700K", "melt-4000K"] {
        let s = read_structure(data(&format!("sodium-silicate/{name}.data.gz"))).expect(name);
        assert_eq!(s.len(), 3000);
        let names: Vec<&str> = s.species.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["Na", "Si", "O"]);
        assert_eq!(s.counts(), [600, 700, 1700]);
        assert!((s.density(&Units::METAL).expect("masses") - 2.466).abs() < 1e-3);
        assert!(s.charges.as_ref().expect("charges").iter().sum::<f64>().abs() < 1e-9);
        assert_eq!(s.simulation_box.lengths, [34.4377975715829; 3]);
    }
    let s = read_structure(data("sodium-silicate/glass-300K.data.gz")).expect("glass");
    assert_eq!(s.positions[0], [11.5927977953, 9.7585875465, 20.5078014966]);
}

#[test]
fn nist_configurations() {
    for (n, atoms, length) in [(1, 800, 10.0), (2, 200, 8.0), (3, 400, 10.0), (4, 30, 8.0)] {
        let s = read_structure(data(&format!("nist-lj/lj-{n}.xyz"))).expect("configuration");
        assert_eq!((s.len(), s.simulation_box.lengths), (atoms, [length; 3]));
        assert_eq!(s.species, [Species { name: "H".into(), mass: None }]);
    }
    let s = read_structure(data("nist-lj/lj-4.xyz")).expect("configuration");
    assert!(close(
        &[s.unwrapped(1)],
        &[[1.830884592213e-01, -1.557698231574, -1.782405485883]],
        1e-14
    ));
}

#[test]
fn every_format_gives_back_what_was_written() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let original = tilted();
    for name in ["s.data", "s.lmp.gz", "s.dump", "s.lammpstrj.gz", "s.xyz", "s.extxyz.gz", "s.nc"] {
        let path = directory.path().join(name);
        write_structure(&path, &original, UnitSystem::Metal).expect(name);
        let back = read_structure(&path).expect(name);
        let cell = (back.simulation_box, original.simulation_box);
        assert!(close(&cell.0.vectors(), &cell.1.vectors(), 2e-15), "{name} {cell:?}");
        assert!(close(&[cell.0.origin], &[cell.1.origin], 2e-15), "{name}");
        if name == "s.nc" {
            assert!(close(&back.positions, &original.positions, 1e-14));
        } else {
            assert_eq!(back.positions, original.positions, "{name}");
        }
        assert_eq!(back.images, original.images, "{name}");
        assert_eq!(back.velocities, original.velocities, "{name}");
        assert_eq!(back.charges, original.charges, "{name}");
        assert_eq!(back.ids, original.ids, "{name}");
        for atom in 0..original.len() {
            assert_eq!(back.species_name(atom), original.species_name(atom), "{name}");
            let mass = |s: &Structure| s.species[usize::from(s.kinds[atom])].mass;
            assert_eq!(mass(&back), mass(&original), "{name}");
        }
    }
    assert_eq!(std::fs::read_dir(directory.path()).expect("list").count(), 7);
    assert!(write_structure(directory.path().join("s.pdb"), &original, UnitSystem::Metal).is_err());
}

#[test]
fn diameters_and_unknown_masses() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let mut s = tilted();
    s.diameters = Some(vec![1.0, 1.1, 0.9]);
    let xyz = directory.path().join("s.xyz");
    write_structure(&xyz, &s, UnitSystem::Lj).expect("written");
    assert_eq!(read_structure(&xyz).expect("read").diameters, s.diameters);
    let file = directory.path().join("s.data");
    assert!(matches!(write_structure(&file, &s, UnitSystem::Lj), Err(Error::Input { .. })));

    s.diameters = None;
    s.species[0].mass = None;
    write_structure(&file, &s, UnitSystem::Lj).expect("written");
    let back = read_structure(&file).expect("read");
    assert_eq!(back.species.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["Na", "O"]);
    assert_eq!(back.species[0].mass, None);
    write_structure(&file, &s, UnitSystem::Metal).expect("written");
    assert_eq!(read_structure(&file).expect("read").species[0].mass, Some(22.98976928));
}

const DATA: &str = "title\n\n2 atoms\n2 atom types\n0 4 xlo xhi\n0 4 ylo yhi\n0 4 zlo zhi\n";

#[test]
fn real_units_are_converted_and_others_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    // Once, before the first frame, as LAMMPS writes it.
    let dump = |units: &str| {
        let frame = |time: f64| {
            format!(
                "ITEM: TIMESTEP\n0\nITEM: TIME\n{time}\nITEM: NUMBER OF ATOMS\n1\n\
                 ITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\n\
                 ITEM: ATOMS id element x y z vx vy vz fx fy fz\n1 O 1 2 3 0.001 0 0 23.060548 0 0\n"
            )
        };
        format!("ITEM: UNITS\n{units}\n{}{}", frame(0.0), frame(500.0))
    };
    let path = directory.path().join("x.lammpstrj");
    for (units, time, velocity, force) in
        [("real", 0.5, 1.0, 1.0), ("metal", 500.0, 0.001, 23.060548)]
    {
        std::fs::write(&path, dump(units)).expect("written");
        let last = read_frames(&path).expect("opened").last().expect("frames").expect("read");
        assert!((last.time.expect("a time") - time).abs() < 1e-12, "{:?}", last.time);
        assert!((last.structure.velocities.expect("there")[0][0] - velocity).abs() < 1e-12);
        assert!((last.forces.expect("there")[0][0] - force).abs() < 1e-6 * force);
        assert!((last.structure.positions[0][2] - 3.0).abs() < 1e-12);
    }
    std::fs::write(&path, dump("nano")).expect("written");
    let error = read_frames(&path).expect("opened").next().expect("a frame").expect_err("nano");
    assert!(error.to_string().contains("the units are `nano`"), "{error}");
    assert_eq!(error.exit_code(), 2);

    let data = |units: &str| {
        let body = DATA.strip_prefix("title").expect("a title");
        format!(
            "LAMMPS data file via write_data, timestep = 5, units = {units}{body}\n\
             Atoms # atomic\n\n1 1 1 1 1\n2 2 2 2 2\n\nVelocities\n\n1 0.001 0 0\n2 0 0 0\n"
        )
    };
    let read = |units: &str| parse(&data(units), StructureFormat::LammpsData);
    for (units, velocity) in [("real", 1.0), ("metal", 0.001), ("my own", 0.001)] {
        let found = read(units).expect("read").velocities.expect("there")[0][0];
        assert!((found - velocity).abs() < 1e-12, "{units}: {found}");
    }
    assert_eq!(line_of(read("electron")), 1);
}

#[test]
fn femtoseconds_of_netcdf_are_converted() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("x.nc");
    write_structure(&path, &tilted(), UnitSystem::Metal).expect("written");
    let replaced = |from: &[u8], to: &[u8]| {
        let mut bytes = std::fs::read(&path).expect("read");
        let found: Vec<usize> =
            (0..bytes.len() - from.len()).filter(|&i| bytes[i..].starts_with(from)).collect();
        assert!(!found.is_empty());
        for at in found {
            bytes[at..at + from.len()].copy_from_slice(to);
        }
        TrajectoryReader::from_bytes(bytes, &path)
    };
    let wanted = tilted().velocities.expect("there");
    let mut reader = replaced(b"picosecond", b"fs        ").expect("opened");
    assert_eq!(reader.units(), Some(UnitSystem::Metal));
    let found = reader.frame(0).expect("read").structure.velocities.expect("there");
    assert!((found[0][0] - 1e3 * wanted[0][0]).abs() < 1e-9, "{:?}", found[0]);
    let Err(error) = replaced(b"angstrom", b"Bohr    ") else { panic!("bohr is no angstrom") };
    assert!(error.to_string().contains("the units are `Bohr`"), "{error}");
}

#[test]
fn frames_come_in_the_order_of_the_first() {
    let frame = |rows: &str, atoms: usize| {
        format!(
            "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{atoms}\nITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\n\
             ITEM: ATOMS id element q x y z ix iy iz vx vy vz fx fy fz\n{rows}"
        )
    };
    let rows = [
        "7 O -2 1 1 1 0 0 1 .1 0 0 5 0 0\n",
        "3 Si 4 2 2 2 0 1 0 .2 0 0 6 0 0\n",
        "5 O -1 3 3 3 1 0 0 .3 0 0 7 0 0\n",
    ];
    let [a, b, c] = rows;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("x.dump");
    let read = |text: String| -> Vec<Frame> {
        std::fs::write(&path, text).expect("written");
        read_frames(&path).expect("opened").map(|f| f.expect("a frame")).collect()
    };
    let whole = |rows: [&str; 3]| frame(&rows.concat(), 3);
    let frames = read([whole([a, b, c]), whole([b, c, a]), whole([c, b, a])].concat());
    assert_eq!(frames[0].structure.ids, [7, 3, 5]);
    assert_eq!(frames[1], frames[0]);
    assert_eq!(frames[2], frames[0]);
    // Others are left as they are, for whoever reads them to refuse.
    let other = whole([b, &c.replace('5', "4"), a]);
    let frames = read([whole([a, b, c]), frame(&[b, a].concat(), 2), other].concat());
    assert_eq!(frames[1].structure.ids, [3, 7]);
    assert_eq!(frames[2].structure.ids, [3, 4, 7]);
    let twice = read([whole([a, a, b]), whole([b, a, a])].concat());
    assert_eq!(twice[1].structure.ids, [3, 7, 7]);
}

#[test]
fn lammps_data_variants() {
    let read = |rest: &str| parse(&format!("{DATA}{rest}"), StructureFormat::LammpsData);
    let s = read("\nMasses\n\n1 28.0855\n2 1.0\n\nAtoms\n\n2 1 0.5 0.5 0.5\n1 2 1 1 1\n")
        .expect("atomic");
    assert_eq!((s.species_name(0), s.species_name(1)), ("Si", "type2"));
    assert_eq!(s.ids, [2, 1]);
    assert!(s.charges.is_none());
    let s = read("\nAtoms\n\n1 1 0.5 0 0 0 1 0 -1\n2 2 -0.5 1 1 5\n").expect("charge");
    assert_eq!(s.charges, Some(vec![0.5, -0.5]));
    assert_eq!(s.images, [[1, 0, -1], [0, 0, 1]]);
    assert_eq!(s.positions[1], [1.0, 1.0, 1.0]);
    let s = read(
        "\nAtoms # full\n\n1 1 1 0.5 0 0 0\n2 1 2 -0.5 1 1 1\n\nVelocities\n\n2 0 0 2\n1 0 0 1\n\nBonds\n\n1 1 1 2\n",
    )
    .expect("full");
    assert_eq!(s.velocities, Some(vec![[0.0, 0.0, 1.0], [0.0, 0.0, 2.0]]));
    let s = read("\nAtom Type Labels\n\n1 A\n2 B\n\nAtoms # atomic\n\n1 B 0 0 0\n2 2 1 1 1\n");
    assert_eq!(s.expect("labels").species_name(0), "B");
}

#[test]
fn lammps_data_errors_name_the_line() {
    let line = |rest: &str| line_of(parse(&format!("{DATA}{rest}"), StructureFormat::LammpsData));
    assert_eq!(line("\nAtoms\n\n1 1 0 0 0\n2 1 nan 0 0\n"), 12);
    assert_eq!(line("\nAtoms\n\n1 1 0 0 0\n2 3 0 0 0\n"), 12);
    assert_eq!(line("\nAtoms\n\n1 1 0 0 0\n2 1 0 0\n"), 12);
    assert_eq!(line("\nAtoms\n\n1 1 0 0 0\n\nMasses\n\n1 1\n2 1\n"), 13);
    assert_eq!(line("\nAtoms # sphere\n\n1 1 1 1 0 0 0\n2 1 1 1 0 0 0\n"), 9);
    assert_eq!(line("\nAtoms\n\n1 1 0 0 0\n2 1 0 0 0\n3 1 0 0 0\n"), 13);
    assert_eq!(line("\nMasses\n\n1 -1\n2 1\n"), 11);
    assert_eq!(line("Nonsense\n"), 8);
    assert!(
        parse(&format!("{DATA}\nAtoms\n\n1 1 0 0 0\n1 1 1 1 1\n"), StructureFormat::LammpsData)
            .is_err()
    );
    let huge = DATA.replace("2 atoms", "4000000000000 atoms");
    assert!(parse(&format!("{huge}\nAtoms\n\n1 1 0 0 0\n"), StructureFormat::LammpsData).is_err());
}

#[test]
fn dump_frames_and_coordinates() {
    let head = |step, bounds: &str, columns: &str| {
        format!(
            "ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS {bounds}\nITEM: ATOMS {columns}\n"
        )
    };
    let cube = "pp pp pp\n0 10\n0 10\n0 10";
    let text = [
        head(0, cube, "id type xs ys zs") + "5 2 0.5 0.25 0.1\n",
        head(10, cube, "id element xu yu zu ix iy iz") + "5 Si 25 1 -1 9 9 9\n",
        // A box of 10 × 10 × 10 with xy = -2, xz = 1, yz = 3: x reaches from -2 to 11.
        head(20, "xy xz yz pp pp pp\n-2 11 -2\n0 13 1\n0 10 3", "type x y z vx vy vz fx fy fz")
            + "1 1 2 3 4 5 6 7 8 9\n",
    ]
    .concat();
    let frames: Vec<Frame> =
        DumpReader::new(text.as_bytes(), Path::new("x")).collect::<Result<_>>().expect("frames");
    assert_eq!(frames.iter().map(|f| f.step).collect::<Vec<_>>(), [Some(0), Some(10), Some(20)]);
    let s = &frames[0].structure;
    assert_eq!((s.positions[0], s.species_name(0), s.ids[0]), ([5.0, 2.5, 1.0], "type2", 5));
    let s = &frames[1].structure;
    // Unwrapped coordinates need no image flags: those of the file are in them.
    assert_eq!((s.positions[0], s.images[0]), ([5.0, 1.0, 9.0], [2, 0, -1]));
    let s = &frames[2].structure;
    assert_eq!((s.simulation_box.origin, s.simulation_box.lengths), ([0.0; 3], [10.0; 3]));
    assert_eq!(s.simulation_box.tilts, [-2.0, 1.0, 3.0]);
    assert_eq!(s.velocities, Some(vec![[4.0, 5.0, 6.0]]));
    assert_eq!(frames[2].forces, Some(vec![[7.0, 8.0, 9.0]]));
    assert_eq!(parse(&text, StructureFormat::LammpsDump).expect("last").species_name(0), "type1");
    assert!(parse(&head(0, cube, "id type x y"), StructureFormat::LammpsDump).is_err());
    assert_eq!(
        line_of(parse(
            &(head(0, cube, "id type x y z") + "1 1 0 0\n"),
            StructureFormat::LammpsDump
        )),
        10
    );
}

#[test]
fn extended_xyz_comment_lines() {
    let read = |comment: &str, row: &str| {
        parse(&format!("1\n{comment}\n{row}\n"), StructureFormat::ExtendedXyz)
    };
    let cube = "Lattice=\"4 0 0 0 4 0 0 0 4\"";
    let s = read(
        &format!(
            "{cube} energy=-1.5 note='a = b' Properties=pos:R:3:extra:R:2:species:S:1:charge:R:1"
        ),
        "1 2 3 9 9 Na 0.6",
    );
    let s = s.expect("read");
    assert_eq!((s.positions[0], s.species_name(0)), ([1.0, 2.0, 3.0], "Na"));
    assert_eq!(s.charges, Some(vec![0.6]));
    let s = read(&format!("{cube} Properties=Z:I:1:pos:R:3"), "8 0 0 0").expect("numbers");
    assert_eq!(s.species_name(0), "O");
    let s = read("  cell: 10  11 12", "H -1 0 0").expect("plain");
    assert_eq!((s.positions[0], s.images[0]), ([9.0, 0.0, 0.0], [-1, 0, 0]));
    for bad in [
        "",
        "Properties=species:S:1:pos:R:3",
        "cell: 1 2",
        "Lattice=\"1 0 0 0 1 0\"",
        "Lattice=\"4 0 0 0 4 0 0 0 -4\"",
        "Lattice=\"4 0 0 4 0 0 0 0 4\"",
        "= = =\"",
    ] {
        assert_eq!(line_of(read(bad, "H 0 0 0")), 2, "{bad}");
    }
    assert_eq!(line_of(read(&format!("{cube} pbc=\"T T F\""), "H 0 0 0")), 2);
    assert_eq!(line_of(read(&format!("{cube} Properties=species:S:1:pos:R:2"), "H 0 0")), 2);
    assert_eq!(line_of(read(cube, "H 0 0 0 0")), 3);
    assert_eq!(line_of(parse("2\ncell: 4 4 4\nH 0 0 0\n", StructureFormat::ExtendedXyz)), 4);
}

#[test]
fn rotated_lattices_rotate_vectors_too() {
    // A box turned by 90° about z: a along y, b along −x.
    let text = "1\nLattice=\"0 4 0 -5 0 0 0 0 6\" Properties=species:S:1:pos:R:3:vel:R:3:forces:R:3\nH -1 2 3 -1 2 3 0 1 0\n";
    let mut reader = ExtendedXyzReader::new(text.as_bytes(), Path::new("x"));
    let frame = reader.next().expect("a frame").expect("valid");
    assert!(reader.next().is_none());
    let s = frame.structure;
    assert_eq!(s.simulation_box.lengths, [4.0, 5.0, 6.0]);
    assert!(close(&s.positions, &[[2.0, 1.0, 3.0]], 1e-14));
    assert!(close(s.velocities.as_deref().expect("velocities"), &[[2.0, 1.0, 3.0]], 1e-14));
    assert!(close(frame.forces.as_deref().expect("forces"), &[[1.0, 0.0, 0.0]], 1e-14));
}

#[test]
fn forces_have_twelve_digits_in_input_order() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("forces.extxyz");
    let s = tilted();
    let forces = vec![[1.0 / 3.0, -2e5 / 7.0, 0.0], [1e-9, 2.0, 3.0], [-0.1, 0.2, 1e20 / 3e20]];
    write_forces_extxyz(&path, &s, &forces, UnitSystem::Metal).expect("written");
    let text = std::fs::read_to_string(&path).expect("read");
    assert!(text.contains("Properties=species:S:1:pos:R:3:forces:R:3"));
    assert!(text.contains(" 3.33333333333e-1 -2.85714285714e4 0.00000000000e0\n"));
    let frame = read_frames(&path).expect("opened").next().expect("a frame").expect("valid");
    assert_eq!(frame.structure.kinds.len(), 3);
    assert_eq!(frame.structure.species_name(1), "Na");
    assert!(close(&frame.forces.expect("forces"), &forces, 1e-7));
    assert!(write_forces_extxyz(&path, &s, &forces[..2], UnitSystem::Metal).is_err());
}

#[test]
fn trajectory_cut_back_and_continued_is_identical() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let s = tilted();
    for (precision, velocities) in [(FramePrecision::Single, false), (FramePrecision::Double, true)]
    {
        let options = TrajectoryOptions { precision, velocities, ..Default::default() };
        let append = |writer: &mut TrajectoryWriter, n: u32| {
            let shift = |x: &f64| x * (1.0 + f64::from(n));
            let rows: Vec<[f64; 3]> =
                s.positions.iter().map(|r| [shift(&r[0]), r[1], r[2]]).collect();
            let v = velocities.then_some(rows.as_slice());
            let mut cell = s.simulation_box;
            cell.lengths[0] += f64::from(n);
            writer
                .append_frame(u64::from(n) * 100, 0.1 * f64::from(n), &cell, &rows, v)
                .expect("appended");
        };
        let whole = directory.path().join("whole.nc");
        let mut writer = TrajectoryWriter::create(&whole, &s, &options).expect("created");
        let empty = writer.byte_length();
        (0..6).for_each(|n| append(&mut writer, n));
        assert_eq!(writer.byte_length(), std::fs::metadata(&whole).expect("metadata").len());
        writer.sync().expect("synced");

        let cut = directory.path().join("cut.nc");
        let mut writer = TrajectoryWriter::create(&cut, &s, &options).expect("created");
        (0..3).for_each(|n| append(&mut writer, n));
        append(&mut writer, 77);
        drop(writer);
        // A frame that was not finished when the run was killed.
        let mut bytes = std::fs::read(&cut).expect("read");
        bytes.extend([1; 17]);
        std::fs::write(&cut, bytes).expect("written");
        let mut writer = TrajectoryWriter::open_at(&cut, 3).expect("opened");
        assert_eq!(writer.frames(), 3);
        (3..6).for_each(|n| append(&mut writer, n));
        assert_eq!(std::fs::read(&whole).expect("read"), std::fs::read(&cut).expect("read"));
        assert!(TrajectoryWriter::open_at(&cut, 7).is_err());
        assert_eq!(TrajectoryWriter::open_at(&cut, 0).expect("opened").byte_length(), empty);

        let mut reader = TrajectoryReader::open(&whole).expect("opened");
        assert_eq!((reader.frames(), reader.atoms()), (6, 3));
        for n in [5, 0, 2] {
            let frame = reader.frame(n).expect("frame");
            assert_eq!((frame.step, frame.time), (Some(n * 100), Some(0.1 * n as f64)));
            let r = frame.structure.unwrapped(1);
            let expected = s.positions[1][0] * (1.0 + n as f64);
            let tolerance = if velocities { 1e-13 } else { 1e-5 };
            assert!((r[0] - expected).abs() < tolerance);
            assert_eq!(frame.structure.simulation_box.lengths[0], 8.0 + n as f64);
            assert_eq!(frame.structure.velocities.is_some(), velocities);
            assert_eq!(frame.structure.species, s.species);
        }
        assert!(reader.frame(6).is_err());
        assert_eq!(read_frames(&whole).expect("opened").count(), 6);
    }
}

#[test]
fn formats_by_name() {
    let format = |name: &str| StructureFormat::from_path(name).ok();
    assert_eq!(format("a/b.c/GLASS.DATA.GZ"), Some(StructureFormat::LammpsData));
    assert_eq!(format("x.lammpstrj"), Some(StructureFormat::LammpsDump));
    assert_eq!(format("x.extxyz.gz"), Some(StructureFormat::ExtendedXyz));
    assert_eq!(format("x.nc"), Some(StructureFormat::NetCdf));
    for bad in ["", "data", "x.gz", "x.nc.gz", "x.data.bz2", "/"] {
        assert_eq!(format(bad), None, "{bad}");
    }
    assert!(matches!(read_structure("absent.data"), Err(Error::Io { action: "read", .. })));
}
