//! How far atoms go.

use crate::analysis::displacements;
use crate::analysis::motion::masses_by_species;
use crate::system::Structure;

/// |r_i(t+Δt) − r_i(t)| of chosen atoms, in the length unit of the structures, from unwrapped
/// positions ([`Structure::unwrapped`]); with `remove_drift` relative to the centre of mass of all
/// atoms. The label of H. Liu, M. M. Smedskjaer, M. Bauchy, Phys. Rev. B 106, 214206 (2022),
/// doi:10.1103/PhysRevB.106.214206. Both structures must have the same atoms in the same order.
pub fn displacement_lengths(
    start: &Structure,
    end: &Structure,
    atoms: &[usize],
    remove_drift: bool,
) -> Vec<f64> {
    let positions = |s: &Structure, atoms: &mut dyn Iterator<Item = usize>| -> Vec<[f64; 3]> {
        atoms.map(|i| s.unwrapped(i)).collect()
    };
    let vectors: Vec<[f64; 3]> = if remove_drift {
        let by_species = masses_by_species(start);
        let masses: Vec<f64> = start.kinds.iter().map(|&k| by_species[usize::from(k)]).collect();
        let all = displacements(
            &positions(start, &mut (0..start.len())),
            &positions(end, &mut (0..end.len())),
            &masses,
        );
        atoms.iter().map(|&i| all[i]).collect()
    } else {
        let (a, b) = (
            positions(start, &mut atoms.iter().copied()),
            positions(end, &mut atoms.iter().copied()),
        );
        a.iter().zip(&b).map(|(a, b)| [b[0] - a[0], b[1] - a[1], b[2] - a[2]]).collect()
    };
    vectors.iter().map(|d| (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt()).collect()
}
