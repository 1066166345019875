//! Curves that leave a picture: cut where they cross its edge.

/// The part of a picture's plane that is shown; an axis without a range shows everything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Lowest and highest x, then y.
    pub ranges: [Option<(f64, f64)>; 2],
    /// Axes that are logarithmic.
    pub log: [bool; 2],
}

impl Window {
    /// True for a point that can be drawn, inside or outside.
    pub fn finite(&self, (x, y): (f64, f64)) -> bool {
        x.is_finite() && y.is_finite() && (!self.log[0] || x > 0.0) && (!self.log[1] || y > 0.0)
    }

    /// True if the point can be drawn inside.
    pub fn holds(&self, point: (f64, f64)) -> bool {
        let within = |axis: usize, v: f64| self.ranges[axis].is_none_or(|(a, b)| a <= v && v <= b);
        self.finite(point) && within(0, point.0) && within(1, point.1)
    }

    /// The pieces of a polyline inside the window. A piece ends on the edge that the polyline
    /// crosses; points that cannot be drawn interrupt it.
    pub fn pieces(&self, points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
        let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
        for run in points.split(|p| !self.finite(*p)) {
            let mut piece: Vec<(f64, f64)> = run.iter().take(1).copied().collect();
            piece.retain(|p| self.holds(*p));
            for pair in run.windows(2) {
                let Some((from, to)) = self.segment(pair[0], pair[1]) else {
                    pieces.push(std::mem::take(&mut piece));
                    continue;
                };
                if piece.last() != Some(&from) {
                    pieces.push(std::mem::take(&mut piece));
                    piece.push(from);
                }
                piece.push(to);
            }
            pieces.push(piece);
        }
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    /// The part of a segment inside (Liang and Barsky, ACM Trans. Graph. 3, 1 (1984),
    /// doi:10.1145/357332.357333), in the coordinates of the axes.
    fn segment(&self, from: (f64, f64), to: (f64, f64)) -> Option<((f64, f64), (f64, f64))> {
        let (a, b) = ([from.0, from.1], [to.0, to.1]);
        let place = |axis: usize, v: f64| if self.log[axis] { v.ln() } else { v };
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        for axis in 0..2 {
            let Some((low, high)) = self.ranges[axis] else { continue };
            // A logarithmic axis cannot begin at zero; then nothing is cut there.
            let low = if self.log[axis] && low <= 0.0 { f64::MIN_POSITIVE } else { low };
            let (start, step) = (place(axis, a[axis]), place(axis, b[axis]) - place(axis, a[axis]));
            if step == 0.0 {
                if !(low..=high).contains(&a[axis]) {
                    return None;
                }
                continue;
            }
            let cuts = [low, high].map(|edge| (place(axis, edge) - start) / step);
            enter = enter.max(cuts[0].min(cuts[1]));
            leave = leave.min(cuts[0].max(cuts[1]));
        }
        let at = |t: f64| {
            // The ends themselves keep their digits.
            if t <= 0.0 || t >= 1.0 {
                return if t <= 0.0 { from } else { to };
            }
            let along = |axis: usize| {
                let (x, y) = (place(axis, a[axis]), place(axis, b[axis]));
                let v = x + t * (y - x);
                let v = if self.log[axis] { v.exp() } else { v };
                self.ranges[axis].map_or(v, |(low, high)| v.max(low).min(high))
            };
            (along(0), along(1))
        };
        (enter <= leave).then(|| (at(enter), at(leave)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(x: Option<(f64, f64)>, y: Option<(f64, f64)>, log: [bool; 2]) -> Window {
        Window { ranges: [x, y], log }
    }

    #[test]
    fn a_peak_beyond_the_edge_is_cut_there() {
        let upper = window(None, Some((0.0, 8.0)), [false; 2]);
        let peak = [(0.0, 0.0), (1.0, 4.0), (2.0, 20.0), (3.0, 20.0), (4.0, 4.0), (5.0, 1.0)];
        let pieces = upper.pieces(&peak);
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces[0], [(0.0, 0.0), (1.0, 4.0), (1.25, 8.0)]);
        assert_eq!(pieces[1], [(3.75, 8.0), (4.0, 4.0), (5.0, 1.0)]);
        // One that only touches the edge stays whole.
        let touching = [(0.0, 0.0), (1.0, 8.0), (2.0, 0.0)];
        assert_eq!(upper.pieces(&touching), [touching.to_vec()]);
        // A segment from outside to outside that crosses the window.
        let square = window(Some((0.0, 1.0)), Some((0.0, 1.0)), [false; 2]);
        let crossing = [(-1.0, -0.5), (2.0, 1.0)];
        assert_eq!(square.pieces(&crossing), [[(0.0, 0.0), (1.0, 0.5)].to_vec()]);
        assert!(square.pieces(&[(2.0, 0.0), (3.0, 0.5)]).is_empty());
        assert!(square.pieces(&[(2.0, 0.5), (2.0, 0.7)]).is_empty());
    }

    #[test]
    fn gaps_stay_and_logarithmic_axes_cut_where_they_are_drawn() {
        let free = window(None, None, [false; 2]);
        let gap = [(0.0, 1.0), (1.0, f64::NAN), (2.0, 1.0), (3.0, 1.0)];
        assert_eq!(free.pieces(&gap), [vec![(0.0, 1.0)], vec![(2.0, 1.0), (3.0, 1.0)]]);
        // A power law is a straight line between two logarithmic axes.
        let log = window(Some((1.0, 100.0)), Some((1.0, 100.0)), [true; 2]);
        let pieces = log.pieces(&[(1.0, 1.0), (1e3, 1e6)]);
        let (x, y) = pieces[0][1];
        assert!((x - 10.0).abs() < 1e-9 && (y - 100.0).abs() < 1e-9, "{x} {y}");
        assert!(y <= 100.0);
        assert!(log.pieces(&[(0.0, 5.0)]).is_empty());
    }
}
