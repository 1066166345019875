//! Time and memory of structure analyses on a large glass: copies of a structure file, N × N × N.
//!
//! ```sh
//! cargo run --release --example analysis_speed -- tests/data/sodium-silicate/glass-300K.data.gz 7
//! ```

use std::time::Instant;

use fulgurite::analysis::{
    DirectStructureFactor, NeighborList, PeriodicGraph, RingKind, vectors_per_bin, widening_bins,
};
use fulgurite::backend::Backend;
use fulgurite::backend::cpu::CpuBackend;
use fulgurite::io::read_structure;
use fulgurite::system::{SimulationBox, Structure};

/// Copies of an orthogonal box, side by side.
fn copies(of: &Structure, n: usize) -> Result<Structure, fulgurite::Error> {
    let edges = of.simulation_box.lengths;
    let (mut kinds, mut positions) = (Vec::new(), Vec::new());
    for c in 0..n * n * n {
        let corner = [c % n, c / n % n, c / n / n];
        kinds.extend_from_slice(&of.kinds);
        positions.extend(
            of.positions.iter().map(|r| [0, 1, 2].map(|k| r[k] + corner[k] as f64 * edges[k])),
        );
    }
    let cell = SimulationBox::orthogonal(edges.map(|l| l * n as f64))?;
    Structure::new(cell, of.species.clone(), kinds, positions)
}

/// Largest resident memory so far, MiB (Linux).
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
    kib.map_or_else(|| "unknown".into(), |k| format!("{:.0} MiB", k / 1024.0))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let file = arguments.get(1).ok_or("give a structure file and the copies along an edge")?;
    let n: usize = arguments.get(2).map_or(Ok(7), |n| n.parse())?;
    let which = arguments.get(3).map_or("all", String::as_str);
    let glass = copies(&read_structure(file)?, n)?;
    println!("{} atoms, {} threads, {}", glass.len(), rayon::current_num_threads(), peak_memory());
    let cpu = CpuBackend::new();
    if which == "all" || which == "pairs" {
        for _ in 0..3 {
            let start = Instant::now();
            let counts = cpu.pair_counts(&glass, 10.0, 500)?;
            let pairs: u64 = counts.counts.iter().sum();
            println!(
                "g(r) to 10 Å: {:.2} s, {pairs} pairs, {}",
                start.elapsed().as_secs_f64(),
                peak_memory()
            );
        }
    }
    if which == "all" || which == "waves" {
        let start = Instant::now();
        let edges = widening_bins(20.0, 0.1)?;
        let each = vectors_per_bin(&glass, &edges);
        let mut sums = DirectStructureFactor::with_bins(&glass, edges, each)?;
        let vectors = sums.wave_vectors();
        sums.add_waves(&glass, &cpu.density_waves(&glass, &vectors)?)?;
        let elapsed = start.elapsed().as_secs_f64();
        println!("S(Q) at {} wave vectors: {elapsed:.2} s, {}", vectors.len(), peak_memory());
    }
    if which == "all" || which == "rings" {
        let name = |k: u16| glass.species[usize::from(k)].name.as_str();
        let start = Instant::now();
        let bonds = NeighborList::new(&glass, |a, b| {
            if matches!((name(a), name(b)), ("Si", "O") | ("O", "Si")) { 2.2 } else { 0.0 }
        })?;
        println!("bonds: {:.2} s, {}", start.elapsed().as_secs_f64(), peak_memory());
        let is = |atom: usize, wanted: &str| name(glass.kinds[atom]) == wanted;
        let graph = PeriodicGraph::through_bridges(&glass, &bonds, |a| is(a, "Si"), |a| is(a, "O"))
            .unfolded(12)?;
        for kind in [RingKind::Guttman, RingKind::King, RingKind::Primitive] {
            let start = Instant::now();
            let rings = graph.count_rings(kind);
            let whole: u64 = rings.values().sum();
            println!(
                "{kind:?}: {:.1} s, {whole} rings, {}",
                start.elapsed().as_secs_f64(),
                peak_memory()
            );
        }
    }
    Ok(())
}
