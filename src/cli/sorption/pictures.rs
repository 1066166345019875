//! Pictures of isotherms, of water in a matrix, and of numbers at its sites.

use fulgurite::plot::{Colors, Figure, Heatmap};
use fulgurite::sorption::{Dimension, Isotherms, Lattices, Shape};
use fulgurite::{Error, Result};

use super::tables::Branch;

/// Cells of a map along either axis at most: sites of larger lattices are averaged.
const MOST_CELLS: usize = 800;

/// The branches of a lattice; of a scanning curve what follows its turning point, which is marked.
pub fn isotherm(branches: &[Branch], lattice: usize) -> Figure {
    let mut figure =
        Figure::new("Sorption isotherm", "relative humidity", "filling").y_range(0.0, 1.05);
    for branch in branches {
        let curve = branch.isotherms.lattice(lattice);
        let points: Vec<(f64, f64)> = branch
            .humidities
            .iter()
            .copied()
            .zip(curve.iter().copied())
            .skip(branch.turning())
            .collect();
        let label = match branch.name {
            "scan_down" => "scanning down",
            "scan_up" => "scanning up",
            whole => {
                figure = drawn(figure, whole, points);
                continue;
            }
        };
        let (number, start) = (figure.series_count(), points[0]);
        figure = figure.dashed(label, points).markers("", vec![start]).same_color_as(number);
    }
    figure
}

/// A curve; a single point, which has no line, as a marker.
pub fn drawn(figure: Figure, label: &str, points: Vec<(f64, f64)>) -> Figure {
    match points.len() {
        0 => figure,
        1 => figure.markers(label, points),
        _ => figure.line(label, points),
    }
}

/// Panels of one number a site side by side, with a gap between them. Of a cubic lattice the first
/// layer is shown; what had to be left out or averaged is added to the title.
pub fn panels(shape: Shape, title: &str, panels: &[Vec<f64>]) -> Heatmap {
    const GAP: usize = 1;
    let [_, ny, nx] = shape.size;
    let block = (panels.len() * (nx + GAP)).max(ny).div_ceil(MOST_CELLS);
    let (rows, wide) = (ny.div_ceil(block), nx.div_ceil(block));
    let columns = panels.len() * (wide + GAP) - GAP;
    let mut values = vec![f64::NAN; columns * rows];
    for (panel, numbers) in panels.iter().enumerate() {
        for row in 0..rows {
            for column in 0..wide {
                let (mut sum, mut sites) = (0.0, 0);
                for y in row * block..((row + 1) * block).min(ny) {
                    for x in column * block..((column + 1) * block).min(nx) {
                        sum += numbers[y * nx + x];
                        sites += 1;
                    }
                }
                values[row * columns + panel * (wide + GAP) + column] = sum / f64::from(sites);
            }
        }
    }
    let mut title = title.to_owned();
    if shape.dimension == Dimension::Three {
        title += ", first layer";
    }
    if block > 1 {
        title += &format!(", means over {block} × {block} sites");
    }
    Heatmap {
        title,
        columns,
        rows,
        values,
        colors: Colors::Diverging,
        x_label: "x".into(),
        y_label: "y".into(),
        ..Heatmap::default()
    }
}

/// A map of a lattice at the humidities nearest to some, each once, side by side: solid less water,
/// so that water is blue, an empty pore white and solid red. Points before `first` are passed over.
pub fn water(
    lattices: &Lattices,
    index: usize,
    (humidities, first): (&[f64], usize),
    isotherms: &Isotherms,
    at: &[f64],
) -> Result<Heatmap> {
    let mut points: Vec<usize> = at
        .iter()
        .map(|wanted| {
            (first..humidities.len())
                .min_by(|a, b| {
                    (humidities[*a] - wanted).abs().total_cmp(&(humidities[*b] - wanted).abs())
                })
                .unwrap_or(first)
        })
        .collect();
    points.dedup();
    let eta = lattices.lattice(index);
    let mut all = Vec::new();
    for point in &points {
        let Some(rho) = isotherms.densities_at(index, *point, lattices.sites()) else {
            return Err(Error::input("no densities were kept", "report this as a bug"));
        };
        all.push(eta.iter().zip(rho).map(|(eta, rho)| 1.0 - eta - rho).collect());
    }
    let shown: Vec<String> =
        points.iter().map(|p| format!("{:.1} %", 100.0 * humidities[*p])).collect();
    let title = format!("Water (blue) at {} relative humidity", shown.join(", "));
    Ok(Heatmap {
        range: Some((-1.0, 1.0)),
        color_label: "solid − water".into(),
        ..panels(lattices.shape(), &title, &all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scanning_curve_is_drawn_from_where_it_turns() {
        let branch = |name, humidities: Vec<f64>| {
            let points = humidities.len();
            let isotherms = Isotherms {
                points,
                filling: humidities.iter().map(|h| h / 2.0).collect(),
                error: vec![0.0; points],
                iterations: vec![1; points],
                contraction: vec![0.0; points],
                densities: None,
            };
            Branch { name, humidities, isotherms }
        };
        let down = branch("scan_down", vec![0.25, 0.5, 0.7, 0.5, 0.25]);
        let up = branch("scan_up", vec![1.0, 0.5, 0.3, 0.5, 1.0]);
        let whole = branch("adsorption", vec![0.25, 0.5, 1.0]);
        assert_eq!([down.turning(), up.turning(), whole.turning()], [2, 2, 0]);
        // Markers have a radius of three, what stands in the legend has another.
        let markers = |branches: &[Branch]| {
            isotherm(branches, 0).svg().expect("drawn").matches("r=\"3\"").count()
        };
        // A marker at each turning, none on a whole branch unless it is a single point.
        assert_eq!(markers(&[whole, down, up]), 2);
        assert!(markers(&[branch("adsorption", vec![0.3])]) > 0);
    }

    #[test]
    fn large_lattices_are_averaged_and_cubic_ones_show_a_layer() {
        let small = panels(Shape::square(2, 3), "η", &[vec![1.0; 6], vec![2.0; 6]]);
        assert_eq!((small.rows, small.columns, small.title.as_str()), (2, 7, "η"));
        assert!(small.values[3].is_nan() && small.values[4] == 2.0);
        let cubic = panels(Shape::cubic(2, 1, 2), "η", &[vec![1.0, 2.0, 9.0, 9.0]]);
        assert_eq!((cubic.values, cubic.title.as_str()), (vec![1.0, 2.0], "η, first layer"));
        // 1601 columns in blocks of three, the last of which has two.
        let numbers: Vec<f64> = (0..1601 * 2).map(|i| f64::from(i % 1601)).collect();
        let large = panels(Shape::square(2, 1601), "η", &[numbers]);
        assert_eq!((large.rows, large.columns), (1, 534));
        assert_eq!((large.values[0], large.values[533]), (1.0, 1599.5));
        assert_eq!(large.title, "η, means over 3 × 3 sites");
    }
}
