//! Replicas: independent simulations that advance together.
//!
//! A replica's bits are those of the same simulation run alone: which others run beside it, how
//! many, and on how many threads leaves no trace.

use std::sync::Mutex;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Backend, DynamicsSession, Observables, Observation, StepReport};
use crate::dynamics::{DynamicsPlan, DynamicsState};
use crate::error::{Error, Result};
use crate::system::Structure;

/// One of the simulations that a [`ReplicaSession`] is made of.
#[derive(Debug, Clone, Copy)]
pub struct Replica<'a> {
    /// Species and kinds, and where `from` is `None` also positions and velocities.
    pub structure: &'a Structure,
    /// What is integrated; seeds, temperatures and thermostats may differ among replicas.
    pub plan: &'a DynamicsPlan,
    /// The state to continue, as in [`Backend::resume`].
    pub from: Option<&'a DynamicsState>,
}

impl Replica<'_> {
    /// A session of this replica alone.
    pub fn alone(&self, backend: &dyn Backend) -> Result<Box<dyn DynamicsSession>> {
        match self.from {
            Some(state) => backend.resume(self.structure, self.plan, state),
            None => backend.molecular_dynamics(self.structure, self.plan),
        }
    }
}

/// Independent simulations on a device, advanced together. Answers are in the order of the
/// replicas; a failure of one of them is an [`Error::Replica`] that counts from 0.
pub trait ReplicaSession: Send {
    /// How many there are.
    fn count(&self) -> usize;

    /// Integrates a number of steps in every replica.
    fn advance(&mut self, steps: u64) -> Result<Vec<StepReport>>;

    /// Reads quantities of every replica back; does not change the states.
    fn observe(&mut self, what: Observables) -> Result<Vec<Observation>>;

    /// The complete states; does not change them.
    fn checkpoint(&mut self) -> Result<Vec<DynamicsState>>;

    /// Memory of all replicas on their device, bytes, where the session knows.
    fn memory(&self) -> Option<u64> {
        None
    }

    /// Seconds spent in each kind of pass since the session began, all replicas together, where the
    /// session knows.
    fn profile(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }
}

/// An error for no replicas at all.
pub(super) fn refuse_none(replicas: &[Replica<'_>]) -> Result<()> {
    match replicas.is_empty() {
        true => Err(Error::input("a session of no replicas", "give at least one replica")),
        false => Ok(()),
    }
}

/// Replicas as sessions of their own: one after the other, or each on one thread.
pub(super) struct Independent {
    sessions: Vec<Box<dyn DynamicsSession>>,
    /// Pools of one thread each: a replica's loops must not spread over the threads that work on
    /// other replicas. Empty: everything happens on the caller's thread.
    lanes: Vec<ThreadPool>,
}

impl Independent {
    /// Sessions of a backend, on so many threads.
    pub fn new(backend: &dyn Backend, replicas: &[Replica<'_>], threads: usize) -> Result<Self> {
        refuse_none(replicas)?;
        // A replica that has the machine for itself keeps all threads.
        let threads = threads.min(replicas.len());
        let lanes = lanes(threads)?;
        let mut starts: Vec<Option<Box<dyn DynamicsSession>>> =
            replicas.iter().map(|_| None).collect();
        on_lanes(&lanes, starts.iter_mut().zip(replicas), |(slot, replica)| {
            *slot = Some(replica.alone(backend)?);
            Ok(())
        })?;
        Ok(Self { sessions: starts.into_iter().flatten().collect(), lanes })
    }

    fn each<T: Send>(
        &mut self,
        work: impl Fn(&mut dyn DynamicsSession) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let mut results: Vec<Option<T>> = self.sessions.iter().map(|_| None).collect();
        on_lanes(&self.lanes, results.iter_mut().zip(&mut self.sessions), |(slot, session)| {
            *slot = Some(work(session.as_mut())?);
            Ok(())
        })?;
        Ok(results.into_iter().flatten().collect())
    }
}

/// Pools of one thread each; none where one thread does everything.
pub(crate) fn lanes(threads: usize) -> Result<Vec<ThreadPool>> {
    match threads {
        0 | 1 => Ok(Vec::new()),
        _ => (0..threads)
            .map(|_| ThreadPoolBuilder::new().num_threads(1).build())
            .collect::<Result<_, _>>()
            .map_err(|error| {
                Error::input(
                    format!("cannot start {threads} threads: {error}"),
                    "set RAYON_NUM_THREADS to a smaller number",
                )
            }),
    }
}

/// Works off items on the lanes, each item on one; the error is that of the first item in order.
pub(crate) fn on_lanes<T: Send>(
    lanes: &[ThreadPool],
    items: impl ExactSizeIterator<Item = T> + Send,
    work: impl Fn(T) -> Result<()> + Sync,
) -> Result<()> {
    let name = |replica: usize| move |source| Error::Replica { replica, source: Box::new(source) };
    if lanes.is_empty() {
        return items.enumerate().try_for_each(|(n, item)| work(item).map_err(name(n)));
    }
    let queue = Mutex::new(items.enumerate());
    let failed: Mutex<Option<(usize, Error)>> = Mutex::new(None);
    let lane = || {
        loop {
            let next = lock(&queue).next();
            let Some((n, item)) = next else { return };
            if let Err(error) = work(item) {
                let mut failed = lock(&failed);
                if failed.as_ref().is_none_or(|(first, _)| n < *first) {
                    *failed = Some((n, error));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for pool in lanes {
            scope.spawn(|| pool.install(lane));
        }
    });
    match failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        None => Ok(()),
        Some((n, error)) => Err(name(n)(error)),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl ReplicaSession for Independent {
    fn count(&self) -> usize {
        self.sessions.len()
    }

    fn advance(&mut self, steps: u64) -> Result<Vec<StepReport>> {
        self.each(|session| session.advance(steps))
    }

    fn observe(&mut self, what: Observables) -> Result<Vec<Observation>> {
        self.each(|session| session.observe(what))
    }

    fn checkpoint(&mut self) -> Result<Vec<DynamicsState>> {
        self.each(|session| session.checkpoint())
    }

    fn memory(&self) -> Option<u64> {
        self.sessions.iter().map(|session| session.memory()).sum()
    }

    fn profile(&self) -> Vec<(&'static str, f64)> {
        let mut sums: Vec<(&'static str, f64)> = Vec::new();
        for (name, seconds) in self.sessions.iter().flat_map(|session| session.profile()) {
            match sums.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += seconds,
                None => sums.push((name, seconds)),
            }
        }
        sums
    }
}
