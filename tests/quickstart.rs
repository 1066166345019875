//! The quickstart makes a glass: bonds and coordination as they must be.

use std::path::Path;

use fulgurite::backend::cpu::CpuBackend;
use fulgurite::config::load_run;
use fulgurite::protocol::{RunOptions, Silent, run};

#[test]
fn the_quickstart_s_glass_has_its_bonds() {
    let plan = load_run(Path::new("configs/quickstart.toml"), &[]).expect("shipped");
    let directory = tempfile::tempdir().expect("a directory");
    let options =
        RunOptions { output: directory.path().join("run"), resume: false, interrupt: None };
    let summary = run(&plan, &CpuBackend::new(), &options, &mut Silent)
        .unwrap_or_else(|e| panic!("{e}: {}", e.remedy()));
    let member = &summary.members[0];
    let glass = member.stages.last().expect("stages");
    let bond = glass.bonds.iter().find(|b| b.pair == "Si-O").expect("silicon and oxygen");
    let length = bond.mean_length.expect("there are bonds");
    assert!((1.59..1.63).contains(&length), "Si–O {length} Å");
    let fourfold = bond.fractions.get(&4).copied().unwrap_or(0.0);
    assert!(fourfold >= 0.97, "{fourfold} of Si are fourfold");
    // No pair inside its splice: 1.168 Å for Si–O, 1.172 Å for Na–O; O–O by the count.
    assert_eq!(glass.splice_visits, Some(0));
    assert!(bond.shortest.expect("there are bonds") > 1.168);
    let memory = member.checks.iter().find(|c| c.name == "memory").expect("checked");
    assert!(memory.passed, "{}", memory.detail);
    let temperature = glass.means.expect("dynamics").temperature;
    assert!((temperature - 300.0).abs() < 15.0, "{temperature} K");
}
