//! Voronoi volumes of atoms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Analysis, AnalysisKind, Output, View};
use crate::analysis::voronoi_cells;
use crate::error::Result;
use crate::plot::Figure;

/// Bins for each mean volume of an atom.
const BINS_PER_MEAN: f64 = 50.0;

/// Volumes of one species.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Volumes {
    counts: BTreeMap<usize, u64>,
    number: u64,
    sum: f64,
    squares: f64,
    faces: u64,
}

/// Distribution of the volumes of Voronoi cells, by species.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct VoronoiVolumes {
    names: Vec<String>,
    bin: f64,
    species: BTreeMap<u16, Volumes>,
    /// Volume and neighbours of every atom of the last frame.
    last: Vec<(f64, u32)>,
    kinds: Vec<u16>,
    /// As the last frame numbers its atoms.
    ids: Vec<u64>,
    /// Volume of the box, summed over frames.
    boxes: f64,
}

impl Analysis for VoronoiVolumes {
    fn kind(&self) -> AnalysisKind {
        AnalysisKind::Voronoi
    }

    fn accumulate(&mut self, view: &View<'_>) -> Result<()> {
        let structure = view.structure;
        let volume = structure.simulation_box.volume();
        if self.names.is_empty() {
            self.names = structure.species.iter().map(|s| s.name.clone()).collect();
            self.kinds.clone_from(&structure.kinds);
            self.bin = volume / structure.len() as f64 / BINS_PER_MEAN;
        }
        self.ids.clone_from(&structure.ids);
        self.last = voronoi_cells(structure)?.iter().map(|c| (c.volume, c.faces)).collect();
        self.boxes += volume;
        for (&(volume, faces), &kind) in self.last.iter().zip(&structure.kinds) {
            let sums = self.species.entry(kind).or_default();
            sums.number += 1;
            sums.sum += volume;
            sums.squares += volume * volume;
            sums.faces += u64::from(faces);
            *sums.counts.entry((volume / self.bin) as usize).or_default() += 1;
        }
        Ok(())
    }

    fn finish(&self, output: &mut Output) -> Result<()> {
        let unit = output.power("length", 3);
        let axis = format!("Voronoi volume{}", output.bracketed(&unit));
        let mut header = vec![axis.clone()];
        let last = self.species.values().filter_map(|v| v.counts.keys().last()).max();
        let bins = last.map_or(0, |b| b + 1);
        let first = self
            .species
            .values()
            .filter_map(|v| v.counts.keys().next())
            .min()
            .copied()
            .unwrap_or(0);
        let middle = |bin: usize| (bin as f64 + 0.5) * self.bin;
        let mut rows: Vec<Vec<f64>> = (first..bins).map(|bin| vec![middle(bin)]).collect();
        let mut picture = Figure::new("", axis, "density");
        let mut sum = 0.0;
        for (&kind, volumes) in &self.species {
            let name = &self.names[usize::from(kind)];
            let n = volumes.number as f64;
            let mean = volumes.sum / n;
            sum += volumes.sum;
            output.number(format!("Voronoi volume, {name}"), mean, unit.clone());
            let spread = (volumes.squares / n - mean * mean).max(0.0).sqrt();
            output.number(format!("spread of Voronoi volumes, {name}"), spread, unit.clone());
            output.number(format!("Voronoi faces, {name}"), volumes.faces as f64 / n, "");
            header.push(name.clone());
            let mut points = Vec::new();
            for (row, bin) in rows.iter_mut().zip(first..) {
                let count = volumes.counts.get(&bin).copied().unwrap_or(0);
                let density = count as f64 / (n * self.bin);
                row.push(density);
                points.push((middle(bin), density));
            }
            picture = picture.line(name.clone(), points);
        }
        output.number("Voronoi volumes over box volume", sum / self.boxes, "1 if cells fill space");
        output.table("voronoi", &header, &rows)?;
        let header = [
            "atom".into(),
            "species".into(),
            format!("volume{}", output.bracketed(&unit)),
            "faces".into(),
        ];
        let rows = self.last.iter().zip(&self.kinds).zip(&self.ids).map(
            |((&(volume, faces), &kind), id)| {
                let name = self.names[usize::from(kind)].clone();
                vec![id.to_string(), name, volume.to_string(), faces.to_string()]
            },
        );
        output.text_table("voronoi-atoms", &header, rows)?;
        output.picture(
            "voronoi",
            &picture,
            "space nearest to each atom: modifiers sit in roomy cells, formers in tight ones",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::suite::{AnalysisPlan, Suite};
    use crate::backend::reference::ReferenceBackend;
    use crate::system::{SimulationBox, Species, Structure, Units};

    /// LAMMPS writes atoms in any order: the table names them as the file does.
    #[test]
    fn atoms_keep_their_numbers() {
        let cell = SimulationBox::cubic(4.0).expect("cube");
        let species = vec![Species { name: "A".into(), mass: None }];
        let positions = vec![[0.1; 3], [1.9, 2.2, 2.0], [3.0, 0.4, 1.1]];
        let mut atoms = Structure::new(cell, species, vec![0; 3], positions).expect("sound");
        atoms.ids = vec![30, 10, 20];
        let plan =
            AnalysisPlan { analyses: Some(vec![AnalysisKind::Voronoi]), ..AnalysisPlan::default() };
        let mut suite = Suite::new(&plan).expect("sound");
        suite.accumulate(&atoms, &ReferenceBackend::new(), |_| ()).expect("cells");
        let directory = tempfile::tempdir().expect("a directory");
        let mut output = Output::create(directory.path(), Units::METAL).expect("empty");
        suite.finish(&mut output).expect("written");
        let path = directory.path().join("voronoi-atoms.csv");
        let table = std::fs::read_to_string(path).expect("a table");
        let ids: Vec<&str> = table.lines().skip(1).filter_map(|l| l.split(',').next()).collect();
        assert_eq!(ids, ["30", "10", "20"]);
    }
}
