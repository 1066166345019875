//! Files that grow while a segment runs, and that a resumed run cuts back.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::dynamics::{Thermodynamics, stress_names};
use crate::error::{Error, Result};
use crate::io::{FramePrecision, TrajectoryOptions, TrajectoryWriter};
use crate::system::{Structure, Units};

/// thermo.csv and trajectory.nc of a segment.
pub(super) struct SegmentFiles {
    thermo: BufWriter<File>,
    thermo_path: PathBuf,
    thermo_bytes: u64,
    trajectory: Option<TrajectoryWriter>,
}

fn thermo_path(directory: &Path) -> PathBuf {
    directory.join("thermo.csv")
}

fn trajectory_path(directory: &Path) -> PathBuf {
    directory.join("trajectory.nc")
}

/// "name (unit)", or "name" in reduced units.
fn column(name: &str, unit: &str) -> String {
    if unit.is_empty() || unit == "lj" { name.to_owned() } else { format!("{name} ({unit})") }
}

impl SegmentFiles {
    /// New files; what was there of a run without checkpoint is replaced.
    pub fn create(
        directory: &Path,
        structure: &Structure,
        units: &Units,
        with_trajectory: bool,
    ) -> Result<Self> {
        std::fs::create_dir_all(directory).map_err(|e| Error::io("create", directory, e))?;
        let path = thermo_path(directory);
        let file = File::create(&path).map_err(|e| Error::io("create", &path, e))?;
        let trajectory = if with_trajectory {
            let options = TrajectoryOptions {
                units: units.system,
                precision: FramePrecision::Single,
                velocities: false,
            };
            Some(TrajectoryWriter::create(trajectory_path(directory), structure, &options)?)
        } else {
            None
        };
        let mut files =
            Self { thermo: BufWriter::new(file), thermo_path: path, thermo_bytes: 0, trajectory };
        let mut header = vec![
            "stage".to_owned(),
            "step".to_owned(),
            column("time", units.name("time")),
            column("target temperature", units.name("temperature")),
            column("temperature", units.name("temperature")),
        ];
        for name in ["potential energy", "kinetic energy", "conserved quantity"] {
            header.push(column(name, units.name("energy")));
        }
        header.push(column("pressure", units.name("pressure")));
        for name in stress_names() {
            header.push(column(&format!("stress {name}"), units.name("pressure")));
        }
        files.write_line(&header.join(","))?;
        Ok(files)
    }

    /// The files of an interrupted segment, cut back to their lengths at the checkpoint.
    pub fn reopen(directory: &Path, thermo_bytes: u64, frames: Option<u64>) -> Result<Self> {
        let path = thermo_path(directory);
        let mut file =
            OpenOptions::new().write(true).open(&path).map_err(|e| Error::io("read", &path, e))?;
        let length = file.metadata().map_err(|e| Error::io("read", &path, e))?.len();
        if length < thermo_bytes {
            return Err(Error::Checkpoint {
                path,
                what: format!("is {length} bytes long, the checkpoint counts on {thermo_bytes}"),
                remedy: "restore the file, or start the run again in another directory".into(),
            });
        }
        file.set_len(thermo_bytes)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(|e| Error::io("write", &path, e))?;
        let trajectory = frames
            .map(|frames| TrajectoryWriter::open_at(trajectory_path(directory), frames))
            .transpose()?;
        Ok(Self { thermo: BufWriter::new(file), thermo_path: path, thermo_bytes, trajectory })
    }

    fn write_line(&mut self, line: &str) -> Result<()> {
        writeln!(self.thermo, "{line}").map_err(|e| Error::io("write", &self.thermo_path, e))?;
        self.thermo_bytes += line.len() as u64 + 1;
        Ok(())
    }

    /// Appends a row of thermodynamics.
    pub fn thermodynamics(
        &mut self,
        stage: &str,
        time: f64,
        target: f64,
        t: &Thermodynamics,
    ) -> Result<()> {
        let mut line = format!(
            "{stage},{},{time:.6},{target:.4},{:.4},{:.6},{:.6},{:.6},{:.6}",
            t.step, t.temperature, t.potential_energy, t.kinetic_energy, t.conserved, t.pressure
        );
        for s in t.stress {
            line.push_str(&format!(",{s:.6}"));
        }
        self.write_line(&line)
    }

    /// Appends a frame with unwrapped positions.
    pub fn frame(&mut self, step: u64, time: f64, structure: &Structure) -> Result<()> {
        let Some(trajectory) = &mut self.trajectory else { return Ok(()) };
        let unwrapped: Vec<[f64; 3]> =
            (0..structure.len()).map(|i| structure.unwrapped(i)).collect();
        trajectory.append_frame(step, time, &structure.simulation_box, &unwrapped, None)
    }

    /// Hands what is buffered to the system, so that the rows can be followed and read.
    pub fn flush(&mut self) -> Result<()> {
        self.thermo.flush().map_err(|e| Error::io("write", &self.thermo_path, e))
    }

    /// Makes everything durable and says how long the files are: (bytes, frames).
    pub fn settle(&mut self) -> Result<(u64, Option<u64>)> {
        self.flush()?;
        self.thermo.get_ref().sync_data().map_err(|e| Error::io("write", &self.thermo_path, e))?;
        if let Some(trajectory) = &self.trajectory {
            trajectory.sync()?;
        }
        Ok((self.thermo_bytes, self.trajectory.as_ref().map(TrajectoryWriter::frames)))
    }
}

/// Rows of one stage in a segment's thermo.csv.
pub(super) fn read_thermodynamics(directory: &Path, stage: &str) -> Result<Vec<ThermoRow>> {
    let path = thermo_path(directory);
    let mut reader = csv::Reader::from_path(&path)
        .map_err(|e| Error::io("read", &path, std::io::Error::other(e)))?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| Error::format(&path, 0, e.to_string()))?;
        if record.get(0) != Some(stage) {
            continue;
        }
        let number = |k: usize| record.get(k).and_then(|s| s.parse::<f64>().ok());
        let (
            Some(time),
            Some(target),
            Some(temperature),
            Some(potential),
            Some(conserved),
            Some(pressure),
        ) = (number(2), number(3), number(4), number(5), number(7), number(8))
        else {
            let line = record.position().map_or(0, |p| p.line() as usize);
            return Err(Error::format(&path, line, "a row without its numbers"));
        };
        rows.push(ThermoRow { time, target, temperature, potential, conserved, pressure });
    }
    Ok(rows)
}

/// What evaluations need of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThermoRow {
    pub time: f64,
    pub target: f64,
    pub temperature: f64,
    pub potential: f64,
    pub conserved: f64,
    pub pressure: f64,
}
