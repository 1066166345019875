//! Members in the order of the configuration, those that run side by side in one session together:
//! each a chain of stages and then its branches.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::checkpoint::{self, Checkpoint};
use super::lane::{Lane, Place, steps_before};
use super::stage::run_stage;
use super::summary::{RunSummary, summarize};
use super::{Progress, RunOptions, provenance};
use crate::backend::Backend;
use crate::config::{Member, RunPlan, Stage};
use crate::error::{Error, Result};
use crate::io::write_atomically;
use crate::report::write_run;

/// Executes a run from its beginning, or from its last checkpoints.
///
/// Errors during dynamics come wrapped in [`Error::RunFailed`] with the last checkpoint; a stop by
/// [`RunOptions::interrupt`] is [`Error::Interrupted`].
pub fn run(
    plan: &RunPlan,
    backend: &dyn Backend,
    options: &RunOptions,
    progress: &mut dyn Progress,
) -> Result<RunSummary> {
    let output = &options.output;
    let from = prepare(plan, backend, options)?;
    append_log(output, &format!("device {}\n", backend.capabilities().name))?;
    let interrupt = options.interrupt.as_deref();
    let mut shared = Shared { plan, backend, output, interrupt, progress, done_steps: 0 };
    shared.members(from)?;
    let summary = summarize(output, plan)?;
    write_run(output, &[])?;
    Ok(summary)
}

/// Whether a failure leaves a state behind that can be continued.
fn failed_on_the_way(error: &Error) -> bool {
    match error {
        Error::NonFinite { .. }
        | Error::Capacity { .. }
        | Error::Device { .. }
        | Error::Io { action: "create" | "write" | "rename", .. } => true,
        Error::Member { source, .. } | Error::Replica { source, .. } => failed_on_the_way(source),
        _ => false,
    }
}

/// Makes the directory, or finds the checkpoints of the run that is in it: one for each member that
/// has begun.
fn prepare(
    plan: &RunPlan,
    backend: &dyn Backend,
    options: &RunOptions,
) -> Result<Vec<Option<Checkpoint>>> {
    let output = &options.output;
    let place = format!("output directory {}", output.display());
    let occupied =
        output.exists() && std::fs::read_dir(output).map_or(true, |mut d| d.next().is_some());
    if occupied && !options.resume {
        return Err(Error::config(
            place,
            "exists and is not empty",
            "choose another with --output, or continue the run in it with --resume",
        ));
    }
    if options.resume && !occupied {
        return Err(Error::config(
            place,
            "holds no run to resume",
            "leave --resume out to start the run",
        ));
    }
    let own = |member: &Member| output.join(&member.directory);
    let common = checkpoint::directory(output);
    if options.resume && plan.members.len() > 1 && common.is_dir() {
        return Err(Error::Checkpoint {
            path: common,
            what: "one for all members; each has its own since".into(),
            remedy: "continue with the version of the program that wrote it".into(),
        });
    }
    let from = plan
        .members
        .iter()
        .map(|member| match options.resume {
            true => checkpoint::read_latest(&own(member), plan.fingerprint),
            false => Ok(None),
        })
        .collect::<Result<Vec<_>>>()?;
    for (member, from) in plan.members.iter().zip(&from) {
        let signature = &backend.capabilities().signature;
        if let Some(from) = from
            && from.state.backend != *signature
        {
            return Err(Error::Checkpoint {
                path: checkpoint::directory(&own(member)),
                what: format!(
                    "written on the device `{}`, this one is `{signature}`",
                    from.state.backend
                ),
                remedy: "resume on the same --device: another one gives other bits".into(),
            });
        }
    }
    if from.iter().all(Option::is_none) {
        if options.resume && !output.join("configuration.toml").is_file() {
            return Err(Error::config(
                place,
                "holds no run of this program",
                "choose another with --output",
            ));
        }
        for member in &plan.members {
            std::fs::create_dir_all(checkpoint::directory(&own(member))).map_err(|e| {
                Error::config(
                    &place,
                    format!("cannot be created: {e}"),
                    "choose a directory that you may write to with --output",
                )
            })?;
        }
        write_atomically(output.join("configuration.toml"), |w| {
            w.write_all(plan.resolved.as_bytes())
        })?;
        provenance::write(output, plan, backend.capabilities())?;
    }
    Ok(from)
}

/// What all members share.
pub(super) struct Shared<'a> {
    pub plan: &'a RunPlan,
    pub backend: &'a dyn Backend,
    output: &'a Path,
    interrupt: Option<&'a AtomicBool>,
    pub progress: &'a mut dyn Progress,
    /// Dynamics steps of all members so far.
    pub done_steps: u64,
}

impl Shared<'_> {
    /// True once the caller has asked to stop.
    pub fn stopped(&self) -> bool {
        self.interrupt.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    fn members(&mut self, mut from: Vec<Option<Checkpoint>>) -> Result<()> {
        let plan = self.plan;
        let total: u64 = plan.members.iter().map(Member::total_steps).sum();
        let done = |number: usize, from: &[Option<Checkpoint>]| {
            from[number].as_ref().map_or(0, |c| steps_before(&plan.members[number], c))
        };
        let before: u64 = (0..from.len()).map(|number| done(number, &from)).sum();
        let mut started = false;
        for batch in batches(plan.members.len(), plan.ensemble.replicas) {
            self.done_steps += batch.clone().map(|number| done(number, &from)).sum::<u64>();
            let mut lanes = Vec::with_capacity(batch.len());
            for number in batch {
                let from = from[number].take();
                if from.as_ref().is_some_and(|c| finished(&plan.members[number], c)) {
                    continue;
                }
                if let Some(from) = &from {
                    let name = &plan.members[number].directory;
                    let space = if name.is_empty() { "" } else { " " };
                    let text = format!("continuing{space}{name} from step {}", from.state.step);
                    self.progress.message(&text);
                }
                lanes.push(Lane::new(plan, self.backend, self.output, number, from)?);
            }
            if let (false, Some(lane)) = (started, lanes.first()) {
                self.progress.started(lane.template.len(), total, before);
                started = true;
            }
            self.batch(&mut lanes).map_err(|error| match failed_on_the_way(&error) {
                true => Error::RunFailed {
                    last_checkpoint: last_checkpoint(&lanes, &error),
                    source: Box::new(error),
                },
                false => error,
            })?;
        }
        Ok(())
    }

    /// Takes lanes to their end. Those that stand at the same place go on together, the last ones
    /// first: a run that was killed between two checkpoints leaves its lanes at different steps, and
    /// of stages of different lengths the short ones end first.
    fn batch(&mut self, lanes: &mut [Lane<'_>]) -> Result<()> {
        let on_their_way = |lanes: &[Lane<'_>]| {
            lanes.iter().filter(|lane| !lane.finished()).map(Lane::place).collect::<Vec<Place>>()
        };
        loop {
            let places = on_their_way(lanes);
            let Some(&last) = places.iter().min() else { return Ok(()) };
            let until = places
                .iter()
                .filter(|p| (p.segment, p.stage) == (last.segment, last.stage) && **p > last)
                .map(|p| p.done)
                .min();
            let mut here: Vec<&mut Lane<'_>> =
                lanes.iter_mut().filter(|lane| !lane.finished() && lane.place() == last).collect();
            let (Some(first), clock) = (here.first(), Instant::now()) else { return Ok(()) };
            let stage = first.current();
            let (name, atoms) = (together(&here), first.template.len());
            let done = self.done_steps;
            self.progress.stage(&name, &stage.name);
            run_stage(self, &mut here, until)?;
            self.log_time(&name, stage, last.done, self.done_steps - done, atoms, clock)?;
        }
    }

    /// Wall-clock times go to a file of their own, so that all others repeat byte for byte.
    fn log_time(
        &self,
        name: &str,
        stage: &Stage,
        already: u64,
        steps: u64,
        atoms: usize,
        clock: Instant,
    ) -> Result<()> {
        let seconds = clock.elapsed().as_secs_f64();
        let rate = steps as f64 * atoms as f64 / seconds.max(1e-9);
        let resumed =
            if already > 0 { format!(" (resumed after {already} steps)") } else { String::new() };
        let line = if steps == 0 {
            format!("{name} {}: {seconds:.2} s\n", stage.name)
        } else {
            format!(
                "{name} {}: {steps} steps in {seconds:.2} s, {rate:.3e} atom-steps/s{resumed}\n",
                stage.name
            )
        };
        append_log(self.output, line.trim_start())
    }
}

/// The checkpoint of the member that failed, else of any.
fn last_checkpoint(lanes: &[Lane<'_>], error: &Error) -> Option<PathBuf> {
    let own = lanes.iter().find(|lane| match error {
        Error::Member { member, .. } => *member == lane.member.directory,
        _ => false,
    });
    own.or(lanes.first()).and_then(Lane::checkpoint)
}

fn finished(member: &Member, checkpoint: &Checkpoint) -> bool {
    checkpoint.cursor.segment > member.branches.len()
}

/// "seed-1", or "seed-1 and 63 more".
fn together(lanes: &[&mut Lane<'_>]) -> String {
    let name = lanes.first().map_or("", |lane| lane.member.directory.as_str());
    match lanes.len() {
        0 | 1 => name.to_owned(),
        n => format!("{name} and {} more", n - 1),
    }
}

/// Neighbouring members, so many at a time.
fn batches(members: usize, replicas: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let size = replicas.max(1);
    (0..members).step_by(size).map(move |first| first..(first + size).min(members))
}

/// "snapshots/quench-700K.data"
pub(super) fn snapshot_path(
    directory: &Path,
    stage: &str,
    temperature: f64,
    units: &crate::system::Units,
    extension: &str,
) -> PathBuf {
    let unit = match units.name("temperature") {
        "lj" => "",
        unit => unit,
    };
    directory.join("snapshots").join(format!("{stage}-{temperature}{unit}.{extension}"))
}

fn append_log(output: &Path, line: &str) -> Result<()> {
    let path = output.join("timing.log");
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .map_err(|e| Error::io("write", &path, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EnsembleSettings, parse_run};

    fn members(ensemble: &str) -> (Vec<Member>, EnsembleSettings) {
        let text = format!(
            "forcefield = \"kob-andersen\"\nseed = 5\n[structure]\ncomposition = \"A80B20\"\n\
             atoms = 500\ndensity = 1.2\n[ensemble]\n{ensemble}\n[[stage]]\nname = \"quench\"\n\
             kind = \"ramp\"\nfrom = 2\nto = 1\nrate = 1\n"
        );
        let plan = parse_run("test", &text, Path::new(""), &[]).unwrap_or_else(|e| panic!("{e}"));
        (plan.members, plan.ensemble)
    }

    #[test]
    fn members_run_together_so_many_at_a_time() {
        let of = |members: usize, replicas: usize| batches(members, replicas).collect::<Vec<_>>();
        assert_eq!(of(4, 4), vec![0..4]);
        assert_eq!(of(4, 3), [0..3, 3..4]);
        assert_eq!(of(6, 64), vec![0..6]);
        assert_eq!(of(6, 1).len(), 6);
    }

    #[test]
    fn replicas_make_as_many_members() {
        let (all, settings) = members("replicas = 4");
        assert_eq!((all.len(), settings.seeds), (4, vec![5, 6, 7, 8]));
        let (all, settings) = members("rates = [1, 2]\nreplicas = 4");
        assert_eq!((all.len(), settings.seeds), (4, vec![5, 6]));
        let (all, settings) = members("temperatures = [0.5, 0.6, 0.7]\nreplicas = 2");
        assert_eq!((all.len(), settings.seeds), (3, vec![5]));
        let (all, settings) = members("seeds = [1, 2, 3]\nrates = [1, 2]\nreplicas = 64");
        assert_eq!((all.len(), settings.replicas), (6, 64));
    }
}
