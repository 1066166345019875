//! Which of the atoms that rest at a moment rearrange soon after it.

use super::{Measured, Origin};

/// A moment whose atoms are followed until it is known what comes of them.
struct Followed {
    origin: Origin,
    /// Places of its atoms among all that are chosen.
    places: Vec<usize>,
    /// Largest p_hop of each since then.
    values: Vec<f64>,
    /// Whether each is within an event.
    moving: Vec<bool>,
    /// The last moment at which an event that counts may open.
    until: u64,
}

/// Follows the atoms that are in no event at a moment t. What counts are the events that open within
/// the window (t, t + t_R]; they are followed to their end, since p_hop is symmetric in time and an
/// event that is under way at t would tell of a jump that has already been.
pub(super) struct Forecast {
    open: f64,
    followed: Vec<Followed>,
}

impl Forecast {
    /// Events open at this p_hop.
    pub fn new(open: f64) -> Self {
        Self { open, followed: Vec::new() }
    }

    /// Number of moments begun.
    pub fn begun(&self) -> u64 {
        self.followed.len() as u64
    }

    /// Begins to follow those of the atoms of `origin` that rest. `strengths` are p_hop of all chosen
    /// atoms there, and `until` is the last moment of the window.
    pub fn begin(&mut self, mut origin: Origin, strengths: &[(f64, f64)], until: u64) {
        let places: Vec<usize> =
            (0..strengths.len()).filter(|&n| strengths[n].0 < self.open).collect();
        origin.atoms = places.iter().map(|&n| origin.atoms[n]).collect();
        let (values, moving) = (vec![0.0; places.len()], vec![false; places.len()]);
        self.followed.push(Followed { origin, places, values, moving, until });
    }

    /// Takes p_hop of all chosen atoms at a later moment.
    pub fn follow(&mut self, moment: u64, strengths: &[(f64, f64)]) {
        for one in &mut self.followed {
            let inside = moment <= one.until;
            for ((&n, value), moving) in one.places.iter().zip(&mut one.values).zip(&mut one.moving)
            {
                if inside || *moving {
                    *value = value.max(strengths[n].0);
                    *moving = strengths[n].0 >= self.open;
                }
            }
        }
    }

    /// The moments whose window is over, `moments` having passed, and how many atoms were left out
    /// because the trajectory ends within their event.
    pub fn finish(self, moments: u64) -> (Measured, usize) {
        let mut measured = Measured::default();
        let mut unknown = 0;
        for mut one in self.followed.into_iter().filter(|one| one.until < moments) {
            let known: Vec<usize> = (0..one.places.len()).filter(|&k| !one.moving[k]).collect();
            unknown += one.places.len() - known.len();
            one.origin.atoms = known.iter().map(|&k| one.origin.atoms[k]).collect();
            measured.values.extend(known.iter().map(|&k| one.values[k]));
            measured.origins.push(one.origin);
        }
        (measured, unknown)
    }
}
