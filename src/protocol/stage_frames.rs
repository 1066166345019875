//! Which frames of a run's trajectory belong to which stage.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::io::{StructureFormat, TrajectoryReader};

/// Frames of a trajectory that were written during one stage.
#[derive(Debug, Clone, PartialEq)]
pub struct StageFrames {
    /// Name of the stage.
    pub stage: String,
    /// Numbers of its frames, counted from 0.
    pub frames: Vec<u64>,
    /// Times of the first and the last of them.
    pub window: [f64; 2],
}

/// The stages that have frames in a trajectory of a run, in order, by the thermo.csv beside it; none
/// for a trajectory without one. The frame of a step at which one stage ends and the next begins
/// belongs to the first: it shows where that one ended.
pub fn stage_frames(trajectory: &Path) -> Result<Vec<StageFrames>> {
    let table = trajectory.with_file_name("thermo.csv");
    if StructureFormat::from_path(trajectory)? != StructureFormat::NetCdf || !table.is_file() {
        return Ok(Vec::new());
    }
    let stages = stages_of(&table)?;
    let mut reader = TrajectoryReader::open(trajectory)?;
    let mut found: Vec<StageFrames> = Vec::new();
    for frame in 0..reader.frames() {
        let (Some(step), Some(time)) = reader.moment(frame)? else { continue };
        let Some((stage, _)) = stages.iter().find(|(_, last)| step <= *last) else { continue };
        match found.last_mut().filter(|f| f.stage == *stage) {
            Some(known) => {
                known.frames.push(frame);
                known.window[1] = time;
            }
            None => found.push(StageFrames {
                stage: stage.clone(),
                frames: vec![frame],
                window: [time; 2],
            }),
        }
    }
    Ok(found)
}

/// Stages with their last steps, in the order of a thermo.csv.
fn stages_of(table: &Path) -> Result<Vec<(String, u64)>> {
    let mut reader = csv::Reader::from_path(table)
        .map_err(|e| Error::io("read", table, std::io::Error::other(e)))?;
    let mut stages: Vec<(String, u64)> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| Error::format(table, 0, e.to_string()))?;
        let step = record.get(1).and_then(|s| s.parse::<u64>().ok());
        let (Some(stage), Some(step)) = (record.get(0), step) else {
            let line = record.position().map_or(0, |p| p.line() as usize);
            return Err(Error::format(table, line, "a row without its numbers"));
        };
        match stages.last_mut().filter(|s| s.0 == stage) {
            Some(known) => known.1 = step,
            None => stages.push((stage.to_owned(), step)),
        }
    }
    Ok(stages)
}

/// The trajectory of a run directory with the frames of its last stage. A run of several members has
/// none of its own.
pub fn last_stage(run: &Path) -> Result<(PathBuf, StageFrames)> {
    let own = run.join("trajectory.nc");
    let mut found = Vec::new();
    if own.is_file() {
        found.push(own);
    } else {
        for entry in std::fs::read_dir(run).map_err(|e| Error::io("read", run, e))? {
            let path = entry.map_err(|e| Error::io("read", run, e))?.path().join("trajectory.nc");
            if path.is_file() {
                found.push(path);
            }
        }
        found.sort();
    }
    let path = match found.as_slice() {
        [path] => path.clone(),
        [] => {
            return Err(Error::input(
                format!("{} has no trajectory.nc", run.display()),
                "give a trajectory file, or run with `trajectory` in [output]",
            ));
        }
        several => {
            let name = |p: &PathBuf| Some(p.parent()?.file_name()?.to_string_lossy().into_owned());
            let names: Vec<String> = several.iter().filter_map(name).collect();
            return Err(Error::input(
                format!("{} has the trajectories of {} members", run.display(), several.len()),
                format!("give the directory of one of them: {}", names.join(", ")),
            ));
        }
    };
    match stage_frames(&path)?.pop() {
        Some(last) => Ok((path, last)),
        None => Err(Error::input(
            format!("{} has no frames of a stage", path.display()),
            "give a trajectory file with the window of times to use",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{TrajectoryOptions, TrajectoryWriter};
    use crate::system::{SimulationBox, Species, Structure};

    fn write(directory: &Path, steps: &[u64]) {
        std::fs::create_dir_all(directory).expect("a directory");
        let cell = SimulationBox::cubic(9.0).expect("cube");
        let species = vec![Species { name: "A".into(), mass: Some(1.0) }];
        let one = Structure::new(cell, species, vec![0], vec![[1.0; 3]]).expect("sound");
        let path = directory.join("trajectory.nc");
        let mut writer =
            TrajectoryWriter::create(&path, &one, &TrajectoryOptions::default()).expect("created");
        for &step in steps {
            let time = 0.001 * step as f64;
            writer.append_frame(step, time, &cell, &one.positions, None).expect("appended");
        }
        let rows = "stage,step\nmelt,0\nmelt,250\nquench,250\nquench,480\nrelax,480\nrelax,800\n";
        std::fs::write(directory.join("thermo.csv"), rows).expect("written");
    }

    #[test]
    fn frames_belong_to_the_stages_they_were_written_in() {
        let home = tempfile::tempdir().expect("a directory");
        // Every hundred steps of each stage.
        let steps = [100, 200, 350, 450, 580, 680, 780];
        write(&home.path().join("seed-1"), &steps);
        let (path, last) = last_stage(home.path()).expect("one member");
        assert_eq!((last.stage.as_str(), last.frames.as_slice()), ("relax", &[4, 5, 6][..]));
        assert!((last.window[0] - 0.58).abs() < 1e-12 && (last.window[1] - 0.78).abs() < 1e-12);
        let all = stage_frames(&path).expect("read");
        let counts: Vec<usize> = all.iter().map(|s| s.frames.len()).collect();
        assert_eq!(counts, [2, 2, 3]);
        assert_eq!(last_stage(&home.path().join("seed-1")).expect("the member").1, last);
        write(&home.path().join("seed-2"), &steps);
        let said = last_stage(home.path()).expect_err("two members").remedy();
        assert!(said.contains("seed-1, seed-2"), "{said}");
        let empty = tempfile::tempdir().expect("a directory");
        let said = last_stage(empty.path()).expect_err("no trajectory").to_string();
        assert!(said.contains("has no trajectory.nc"), "{said}");
    }
}
