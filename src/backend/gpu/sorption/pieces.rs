//! Work on small lattices cut into submissions that stay far below every driver's watchdog.

/// Seconds that one submission should take.
pub(super) const CHUNK_SECONDS: f64 = 0.1;
/// Lattices side by side below which a device is not filled.
const FILLING: u32 = 64;
/// Iterations of the truncated scheme × lattices of the first submission at most.
const FIRST_PASSES: f64 = 25_600.0;

/// One submission.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    /// Lattices, and points of the path.
    pub lattices: std::ops::Range<u32>,
    pub points: std::ops::Range<u32>,
    /// Iterations of the truncated scheme: all, or part of those of a single point.
    pub iterations: u32,
}

/// Cuts lattices × points (× iterations) as the time taken by the last piece advises.
#[derive(Debug)]
pub(super) struct Pieces {
    count: u32,
    points: u32,
    /// Iterations of the truncated scheme at a point; 0: a walk, which is one unit of work.
    iterations: u32,
    /// Whether the iterations of a point may be cut: if the state between them is kept.
    divisible: bool,
    /// Last point first.
    backwards: bool,
    /// Units of work of a submission.
    budget: f64,
    /// Iterations of the truncated scheme for a lattice in one submission at most.
    most: u32,
    lattices: std::ops::Range<u32>,
    /// Points done for these lattices, iterations made of the next.
    done: u32,
    made: u32,
    /// Units of the last piece.
    last: f64,
}

impl Pieces {
    pub fn new(count: u32, points: u32, iterations: u32, divisible: bool, backwards: bool) -> Self {
        let unit = f64::from(iterations.max(1));
        let budget = if divisible { (256.0 * unit).min(FIRST_PASSES) } else { 256.0 * unit };
        let lattices = 0..0;
        Self {
            count,
            points,
            iterations,
            divisible: divisible && iterations > 0,
            backwards,
            budget,
            most: u32::MAX,
            lattices,
            done: points,
            made: 0,
            last: 0.0,
        }
    }

    /// With at most so many passes over a lattice in one submission: iterations, and one for each
    /// point that is kept. A single point whose iterations are not divisible stays whole.
    pub fn at_most(self, passes: u32) -> Self {
        Self { most: passes, ..self }
    }

    /// What a point of a lattice costs.
    fn unit(&self) -> f64 {
        f64::from(self.iterations.max(1))
    }

    /// The next piece.
    pub fn piece(&mut self) -> Option<Piece> {
        if self.done == self.points {
            let first = self.lattices.end;
            if first == self.count {
                return None;
            }
            let fitting = (self.budget / self.unit()) as u32;
            self.lattices = first..first + fitting.max(FILLING).min(self.count - first);
            self.done = 0;
        }
        let lattices = f64::from(self.lattices.len() as u32);
        let fitting = self.budget / lattices;
        let whole = self.iterations.saturating_add(1) <= self.most;
        let cut = self.divisible && (self.made > 0 || fitting < self.unit() || !whole);
        let (points, iterations) = if cut {
            // Pairs of iterations are one turn of the kernel's loop.
            let left = self.iterations - self.made;
            (1, (fitting.min(f64::from(self.most) - 1.0) as u32 & !1).max(2).min(left))
        } else {
            let mut points = (fitting / self.unit()) as u32;
            if self.iterations > 0 {
                points = points.min(self.most / self.iterations.saturating_add(1));
            }
            (points.clamp(1, self.points - self.done), self.iterations)
        };
        let range = match self.backwards {
            true => self.points - self.done - points..self.points - self.done,
            false => self.done..self.done + points,
        };
        if cut {
            self.made += iterations;
        }
        if !cut || self.made == self.iterations {
            self.done += points;
            self.made = 0;
        }
        self.last = lattices * f64::from(points) * f64::from(iterations.max(1));
        Some(Piece { lattices: self.lattices.clone(), points: range, iterations })
    }

    /// Takes note of how long the last piece took.
    pub fn took(&mut self, seconds: f64) {
        let fitting = (CHUNK_SECONDS / seconds.max(1e-6)).clamp(0.1, 8.0);
        self.budget = (self.last * fitting).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (lattice, point), and the iterations made there.
    type Work = ((u32, u32), u64);

    /// Runs all pieces on a device of so many units a second; the longest submission after the
    /// first, and the work done: (lattice, point) in order, iterations of each.
    fn run(mut pieces: Pieces, speed: f64) -> (f64, Vec<Work>) {
        let mut longest: f64 = 0.0;
        let mut work: Vec<Work> = Vec::new();
        let mut first = true;
        while let Some(piece) = pieces.piece() {
            let units = piece.lattices.len() * piece.points.len();
            let seconds = units as f64 * f64::from(piece.iterations.max(1)) / speed;
            if !first {
                longest = longest.max(seconds);
            }
            first = false;
            pieces.took(seconds);
            // Within a piece the kernel keeps the order.
            let mut points: Vec<u32> = piece.points.collect();
            if pieces.backwards {
                points.reverse();
            }
            for point in points {
                for lattice in piece.lattices.clone() {
                    match work.iter_mut().find(|(at, _)| *at == (lattice, point)) {
                        Some((_, made)) => *made += u64::from(piece.iterations),
                        None => work.push(((lattice, point), u64::from(piece.iterations))),
                    }
                }
            }
        }
        (longest, work)
    }

    #[test]
    fn a_point_of_many_iterations_is_cut() {
        // Three lattices of two points, four billion iterations: at a billion units a second a
        // point takes twelve.
        let pieces = Pieces::new(3, 2, 4_000_000_001, true, false);
        let (longest, work) = run(pieces, 1e9);
        assert!(longest < 0.11, "{longest}");
        assert_eq!(work.len(), 6);
        assert!(work.iter().all(|(_, made)| *made == 4_000_000_001));
        let mut first = Pieces::new(3, 2, 4_000_000_001, true, false);
        assert!(f64::from(first.piece().expect("a piece").iterations) * 3.0 <= FIRST_PASSES);
    }

    #[test]
    fn a_submission_makes_no_more_passes_than_a_device_may_be_given() {
        // However fast the device is.
        for (iterations, divisible) in [(100, true), (5000, true), (100, false), (998, false)] {
            let mut pieces = Pieces::new(70, 40, iterations, divisible, !divisible).at_most(999);
            let mut made = 0;
            while let Some(piece) = pieces.piece() {
                let points = piece.points.len() as u32;
                assert!(points * (piece.iterations + 1) <= 999, "{piece:?}");
                made += piece.lattices.len() * (points * piece.iterations) as usize;
                pieces.took(1e-9);
            }
            assert_eq!(made, 70 * 40 * iterations as usize);
        }
        // What cannot be cut here is cut by its kernel.
        let mut whole = Pieces::new(1, 40, 5000, false, true).at_most(999);
        let piece = whole.piece().expect("a piece");
        assert_eq!((piece.points, piece.iterations), (39..40, 5000));
    }

    #[test]
    fn all_pieces_but_the_last_of_a_point_are_even() {
        let mut pieces = Pieces::new(1, 1, 60_001, true, false);
        let mut made = Vec::new();
        while let Some(piece) = pieces.piece() {
            assert_eq!((piece.lattices, piece.points), (0..1, 0..1));
            made.push(piece.iterations);
            pieces.took(0.1);
        }
        assert_eq!(made.iter().sum::<u32>(), 60_001);
        assert!(made.len() > 2 && made[..made.len() - 1].iter().all(|m| m % 2 == 0), "{made:?}");
    }

    #[test]
    fn everything_is_done_once_and_in_order() {
        for (iterations, divisible, backwards) in
            [(100, true, false), (100, false, true), (0, true, false), (2, true, false)]
        {
            for speed in [1e2, 1e5, 1e9] {
                let pieces = Pieces::new(200, 5, iterations, divisible, backwards);
                let (_, work) = run(pieces, speed);
                assert_eq!(work.len(), 1000, "{iterations} {speed}");
                assert!(work.iter().all(|(_, made)| *made == u64::from(iterations)));
                for lattice in [0, 77, 199] {
                    let points: Vec<u32> =
                        work.iter().filter(|w| w.0.0 == lattice).map(|w| w.0.1).collect();
                    let rising = points.windows(2).all(|w| (w[1] > w[0]) != backwards);
                    assert!(rising, "{points:?}");
                }
            }
        }
    }
}
