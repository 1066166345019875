//! Configurations in `configs/` and `tests/config/`: what is good parses to the right numbers,
//! what is bad is refused with the message in the `.expected` file beside it (cause on the first
//! line, remedy on the second).

use std::path::{Path, PathBuf};

use fulgurite::config::{
    Override, PRESETS, StageKind, load_force_field, load_run, parse_force_field, parse_run,
};
use fulgurite::potential::{CompiledForceField, FormKind, PairDefinition, ShortRange};

fn files(directory: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(directory)
        .expect("the directory is part of the repository")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    found.sort();
    found
}

#[test]
fn bad_files_give_the_expected_message() {
    let mut wrong = String::new();
    let mut count = 0;
    for path in files("tests/config/bad") {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("readable");
        let error = if name.starts_with("forcefield-") {
            parse_force_field(&name, &text, Path::new("")).err()
        } else {
            parse_run(&name, &text, Path::new(""), &[]).err()
        };
        let found = match error {
            None => "accepted".to_owned(),
            Some(error) => {
                assert_eq!(error.exit_code(), 2, "{name}");
                format!("{error}\n{}", error.remedy())
            }
        };
        let expected = std::fs::read_to_string(path.with_extension("expected")).expect("beside it");
        if found.trim() != expected.trim() {
            wrong.push_str(&format!("--- {name}\nexpected: {expected}found:    {found}\n"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count > 25, "only {count} fixtures were found");
}

#[test]
fn good_files_parse() {
    for path in files("tests/config/good") {
        let name = path.display().to_string();
        if name.contains("forcefield") {
            load_force_field(&name).unwrap_or_else(|e| panic!("{e}: {}", e.remedy()));
        } else {
            load_run(&path, &[]).unwrap_or_else(|e| panic!("{e}: {}", e.remedy()));
        }
    }
}

#[test]
fn shipped_configurations_parse_and_their_resolved_form_is_the_same_run() {
    // Files of analyses, descriptors, softness and sorption are read by their own commands and tests.
    let other = |path: &&PathBuf| {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        ["analyze", "descriptors-", "softness-", "sorption-"].iter().any(|p| name.starts_with(p))
    };
    let runs: Vec<PathBuf> = files("configs").into_iter().filter(|path| !other(&path)).collect();
    assert!(runs.len() >= 5, "{runs:?}");
    for path in runs {
        let plan = load_run(&path, &[]).unwrap_or_else(|e| panic!("{e}: {}", e.remedy()));
        let again = parse_run("resolved", &plan.resolved, Path::new(""), &[])
            .unwrap_or_else(|e| panic!("{}: {e}\n{}", path.display(), plan.resolved));
        assert_eq!(plan.fingerprint, again.fingerprint, "{}", path.display());
        assert_eq!(plan.members.len(), again.members.len());
        for (a, b) in plan.members.iter().zip(&again.members) {
            assert_eq!(a.stages, b.stages);
            assert_eq!(a.branches, b.branches);
        }
    }
}

#[test]
fn the_published_protocol_has_its_numbers() {
    let plan = load_run(Path::new("configs/sodium-silicate-3000.toml"), &[]).expect("sound");
    assert_eq!(plan.members.len(), 3);
    let member = &plan.members[0];
    assert_eq!(member.directory, "rate-1-seed-1");
    let quench = member.stages.iter().find(|s| s.name == "quench").expect("there");
    let StageKind::Dynamics { steps, snapshots, .. } = &quench.kind else { panic!("dynamics") };
    assert_eq!(*steps, 3_600_000);
    assert_eq!(snapshots[0], (2500.0, 1_500_000));
    assert_eq!(snapshots[7], (400.0, 3_600_000));
    let lengths: Vec<(f64, u64)> =
        member.branches.iter().map(|b| (b.temperature, b.stage.steps())).collect();
    assert_eq!(lengths.len(), 8);
    assert_eq!(lengths[5], (700.0, 5_000_000));
    assert!(lengths.iter().filter(|l| l.0 != 700.0).all(|l| l.1 == 50_000));
    assert_eq!(member.branches[5].name, "relax-700K");
}

#[test]
fn set_options_replace_values() {
    let set = |text: &str| Override::parse(text).expect("KEY=VALUE");
    let path = Path::new("configs/quickstart.toml");
    let plan = load_run(
        path,
        &[set("stage.melt.duration=2"), set("forcefield=du-teter"), set("output.thermo = 0.5")],
    )
    .expect("sound");
    assert_eq!(plan.force_field.name, "du-teter");
    assert_eq!(plan.output.thermo, 500);
    assert_eq!(plan.members[0].stages[2].steps(), 2000);
    let refused = |options: &[Override]| load_run(path, options).expect_err("bad").to_string();
    assert_eq!(
        refused(&[set("stage.melt.duration=-2")]),
        "--set stage.melt.duration=-2: `duration` must be a positive number, got -2"
    );
    assert_eq!(refused(&[set("outptu.thermo=1")]), "--set outptu.thermo=1: unknown key `outptu`");
    assert_eq!(
        refused(&[set("stage.mlet.duration=2")]),
        "--set stage.mlet.duration=2: `stage` has 5 elements and none named `mlet`"
    );
    assert!(Override::parse("nonsense").is_err());
}

#[test]
fn rates_of_the_ensemble_replace_the_stage_s() {
    let plan = load_run(Path::new("tests/config/good/branches.toml"), &[]).expect("sound");
    assert_eq!(plan.members.len(), 4);
    assert_eq!(plan.members[0].stages[0].steps(), 3_600_000);
    assert_eq!(plan.members[2].stages[0].steps(), 360_000);
    assert_eq!(plan.members[3].directory, "rate-10-seed-2");
    // `relax` holds the temperature that the stage before ended with.
    let StageKind::Dynamics { from, .. } = plan.members[0].stages[1].kind else { panic!() };
    assert_eq!(from, 400.0);
    // Snapshots come in the order of time, whatever the order they were written in.
    assert_eq!(plan.members[0].branches[0].temperature, 2000.0);
}

#[test]
fn every_preset_parses_and_compiles() {
    for preset in PRESETS {
        let field = load_force_field(preset.name).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(field.name, preset.name);
        let names: Vec<&str> = field.species.iter().map(|s| s.name.as_str()).collect();
        let compiled = CompiledForceField::for_species(&field, &names)
            .unwrap_or_else(|e| panic!("{}: {e}", preset.name));
        assert_ne!(compiled.form, FormKind::Table, "{} has a kernel of its own", preset.name);
    }
    assert_eq!(PRESETS.len(), files("configs/forcefields").len());
}

#[test]
fn teter_has_the_published_numbers() {
    let field = load_force_field("teter").expect("sound");
    let species = |name: &str| field.species.iter().find(|s| s.name == name).expect("there");
    for (name, charge, mass) in
        [("Na", 0.6, 22.98976928), ("Si", 2.4, 28.0855), ("O", -1.2, 15.9994)]
    {
        assert_eq!((species(name).charge, species(name).mass), (charge, mass));
    }
    let coulomb = field.coulomb.expect("charged");
    assert_eq!((coulomb.damping, coulomb.cutoff, field.cutoff), (0.25, 8.0, 8.0));
    assert_eq!(field.pairs.len(), 3);
    let names = |p: [usize; 2]| p.map(|k| field.species[k].name.as_str());
    for pair in &field.pairs {
        let PairDefinition::Buckingham { a, rho, c, short_range } = pair.definition else {
            panic!("buckingham")
        };
        let expected = match names(pair.species) {
            ["O", "O"] => (1844.7458, 0.343645, 192.580),
            ["Si", "O"] => (13702.9050, 0.193817, 54.681),
            ["Na", "O"] => (4383.7555, 0.243838, 30.700),
            other => panic!("{other:?}"),
        };
        assert_eq!((a, rho, c), expected);
        assert_eq!(short_range, ShortRange::Splice);
    }
}

#[test]
fn silica_guards_act_on_all_three_pairs_and_charges_are_neutral() {
    for preset in PRESETS {
        let field = load_force_field(preset.name).expect("sound");
        if preset.name != "bks" && preset.name != "chik" && !preset.name.starts_with("silica") {
            continue;
        }
        assert_eq!(field.pairs.len(), 3, "{}", preset.name);
        let charge = |n: &str| field.species.iter().find(|s| s.name == n).expect("there").charge;
        assert!((charge("Si") + 2.0 * charge("O")).abs() < 1e-12, "{}", preset.name);
        let mut guards: Vec<f64> = field
            .pairs
            .iter()
            .map(|p| match p.definition {
                PairDefinition::Buckingham { short_range: ShortRange::Repulsion24(d), .. } => d,
                _ => panic!("{} has a pair without a guard", preset.name),
            })
            .collect();
        guards.sort_by(f64::total_cmp);
        assert_eq!(guards, [29.0, 113.0, 3423200.0]);
    }
}
