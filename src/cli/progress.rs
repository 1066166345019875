//! The progress bar of `fulgurite run`, or plain lines where standard error is not a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use fulgurite::dynamics::Thermodynamics;
use fulgurite::protocol::Progress;
use fulgurite::system::Units;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::remark;

/// Standard error, if a person looks at it.
fn target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr_with_hz(5)
    } else {
        ProgressDrawTarget::hidden()
    }
}

/// A bar that counts `what`, or turns in place beside its message where there is nothing to count.
pub fn counting(length: Option<u64>, what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(length, target());
    let template = match what {
        "" => "{spinner} {elapsed}  {msg}".to_owned(),
        _ => format!(
            "{{bar:32}} {{percent:>3}} %  {{elapsed}} elapsed, {{eta}} left  {{pos}} of {{len}} {what}  {{msg}}"
        ),
    };
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

pub struct Bar {
    bar: ProgressBar,
    plain: bool,
    stage: String,
    units: Units,
    atoms: usize,
}

impl Bar {
    pub fn new(units: Units) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, target());
        Self { bar, plain, stage: String::new(), units, atoms: 0 }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, text: &str) {
        if self.plain {
            remark(text);
        } else {
            self.bar.println(text);
        }
    }
}

impl Progress for Bar {
    fn started(&mut self, atoms: usize, total_steps: u64, done_steps: u64) {
        self.atoms = atoms;
        self.line(&format!("{atoms} atoms, {total_steps} steps"));
        self.bar.set_length(total_steps);
        // Only then does the ETA not count the steps of a run before its resumption.
        self.bar.set_position(done_steps);
        self.bar.reset_eta();
        if let Ok(style) = ProgressStyle::with_template(
            "{bar:32} {percent:>3} %  {elapsed} elapsed, {eta} left  {msg}",
        ) {
            self.bar.set_style(style);
        }
    }

    fn stage(&mut self, member: &str, stage: &str) {
        self.stage = if member.is_empty() { stage.to_owned() } else { format!("{member} {stage}") };
        if self.plain {
            remark(&format!("stage {}", self.stage));
        }
        self.bar.set_message(self.stage.clone());
    }

    fn minimizing(&mut self, evaluations: u64, largest_force: f64) {
        self.bar.set_message(format!(
            "{}: {evaluations} evaluations, largest force {largest_force:.3}",
            self.stage
        ));
    }

    fn advanced(&mut self, done_steps: u64, latest: Option<&Thermodynamics>) {
        self.bar.set_position(done_steps);
        if let Some(t) = latest {
            let unit = |kind: &str| match self.units.name(kind) {
                "lj" => String::new(),
                name => format!(" {name}"),
            };
            self.bar.set_message(format!(
                "{}: T = {:.4}{}, U/N = {:.4}{}",
                self.stage,
                Short(t.temperature),
                unit("temperature"),
                t.potential_energy / self.atoms.max(1) as f64,
                unit("energy"),
            ));
        }
    }

    fn message(&mut self, text: &str) {
        self.line(text);
    }
}

/// Four digits, whatever the size: 4012 K and 0.4351 in reduced units.
struct Short(f64);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.abs() >= 100.0 { write!(f, "{:.0}", self.0) } else { write!(f, "{:.4}", self.0) }
    }
}
