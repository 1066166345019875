//! Isotherms as tables: branches beside each other, bounds of their errors, a line a lattice.

use std::path::Path;

use fulgurite::Result;
use fulgurite::io::write_npy_f64;
use fulgurite::sorption::{Isotherms, Lattices, area_between, sinuosity};

/// One branch of the answer, rising in humidity unless it is a scanning curve.
pub struct Branch {
    pub name: &'static str,
    pub humidities: Vec<f64>,
    pub isotherms: Isotherms,
}

impl Branch {
    fn is_scan(&self) -> bool {
        self.name.starts_with("scan")
    }

    /// Where a scanning curve leaves the branch that it came along: its highest or lowest humidity.
    /// Of a whole branch its first point.
    pub fn turning(&self) -> usize {
        let sign = match self.name {
            "scan_down" => 1.0,
            "scan_up" => -1.0,
            _ => return 0,
        };
        let height = |k: &usize| sign * self.humidities[*k];
        (0..self.humidities.len()).max_by(|a, b| height(a).total_cmp(&height(b))).unwrap_or(0)
    }

    fn error(&self, lattice: usize, point: usize) -> f64 {
        self.isotherms.error[lattice * self.isotherms.points + point]
    }
}

/// What a table has besides fillings.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    /// The number of the lattice.
    pub lattice: bool,
    /// Bounds of the error of any density.
    pub errors: bool,
}

/// The isotherms as CSV: branches beside each other where they share humidities.
pub fn csv(lattices: &Lattices, branches: &[Branch], columns: Columns) -> String {
    let mut text = if columns.lattice { "lattice," } else { "" }.to_owned();
    let number = |k: usize| if columns.lattice { format!("{k},") } else { String::new() };
    if branches.iter().any(Branch::is_scan) {
        text += "branch,relative_humidity,filling";
        text += if columns.errors { ",error\n" } else { "\n" };
        for k in 0..lattices.count() {
            for branch in branches {
                let curve = branch.isotherms.lattice(k);
                for (p, (h, f)) in branch.humidities.iter().zip(curve).enumerate() {
                    text += &format!("{}{},{h},{f:.9}", number(k), branch.name);
                    if columns.errors {
                        text += &format!(",{:.3e}", branch.error(k, p));
                    }
                    text.push('\n');
                }
            }
        }
        return text;
    }
    text += "relative_humidity";
    branches.iter().for_each(|b| text += &format!(",{}", b.name));
    if columns.errors {
        branches.iter().for_each(|b| text += &format!(",{}_error", b.name));
    }
    text.push('\n');
    for k in 0..lattices.count() {
        for (p, h) in branches[0].humidities.iter().enumerate() {
            text += &format!("{}{h}", number(k));
            branches.iter().for_each(|b| text += &format!(",{:.9}", b.isotherms.lattice(k)[p]));
            if columns.errors {
                branches.iter().for_each(|b| text += &format!(",{:.3e}", b.error(k, p)));
            }
            text.push('\n');
        }
    }
    text
}

/// (batch,) humidity, column: relative humidity, adsorption and, if asked for, desorption; then
/// the bounds of their errors.
pub fn write_npy(
    path: &Path,
    lattices: &Lattices,
    branches: &[Branch],
    columns: Columns,
) -> Result<()> {
    let points = branches[0].humidities.len();
    let mut data = Vec::new();
    for k in 0..lattices.count() {
        for p in 0..points {
            data.push(branches[0].humidities[p]);
            data.extend(branches.iter().map(|b| b.isotherms.lattice(k)[p]));
            if columns.errors {
                data.extend(branches.iter().map(|b| b.error(k, p)));
            }
        }
    }
    let width = branches.len() * (1 + usize::from(columns.errors)) + 1;
    let mut axes = vec![points, width];
    if columns.lattice {
        axes.insert(0, lattices.count());
    }
    write_npy_f64(path, &axes, &data)
}

/// A line a lattice: porosity, roughness, and of each branch the filling at the highest humidity
/// and the sinuosity; with both branches the area of the loop.
pub fn summary(lattices: &Lattices, branches: &[Branch]) -> String {
    let whole: Vec<&Branch> = branches.iter().filter(|b| !b.is_scan()).collect();
    let mut text = "lattice,porosity,roughness".to_owned();
    for branch in &whole {
        text += &format!(",{0}_at_highest,{0}_sinuosity", branch.name);
    }
    text += if whole.len() == 2 { ",loop_area\n" } else { "\n" };
    for k in 0..lattices.count() {
        text += &format!("{k},{:.9},{:.9}", lattices.porosity(k), lattices.roughness(k));
        for Branch { humidities, isotherms, .. } in &whole {
            let curve = isotherms.lattice(k);
            text += &format!(",{:.9},{:.9}", curve[curve.len() - 1], sinuosity(humidities, curve));
        }
        if let [a, b] = whole[..] {
            let area = area_between(&a.humidities, a.isotherms.lattice(k), b.isotherms.lattice(k));
            text += &format!(",{area:.9}");
        }
        text.push('\n');
    }
    text
}
