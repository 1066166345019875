//! Kernel input of a force field: parameters in the layout of the SIMD lookups.

use super::clusters::fraction_matrix;
use super::kernel::KernelInput;
use super::level::Level;
use crate::error::{Error, Result};
use crate::potential::{CompiledForceField, FormKind, TABLE_INTERVALS};
use crate::system::SimulationBox;

/// Species that fit a row of the lookup tables beside the padding species.
const MOST_SPECIES: usize = 7;

/// Kernel input without clusters.
pub(super) fn kernel_input(
    field: &CompiledForceField,
    simulation_box: &SimulationBox,
    level: Level,
) -> Result<KernelInput> {
    let real = field.species_count();
    if real > MOST_SPECIES {
        return Err(Error::input(
            format!("the cpu device handles {MOST_SPECIES} species, the structure has {real}"),
            "use --device reference or gpu",
        ));
    }
    let mut rows = field.kernel_rows();
    let mut cubics = Vec::new();
    if field.form == FormKind::Table {
        for (row, table) in rows.iter_mut().zip(field.kernel_tables()) {
            let head = [
                cubics.len() as f32,
                table.start as f32,
                (1.0 / table.step) as f32,
                (-2.0 / table.step) as f32,
            ];
            row.splice(0..0, head);
            cubics.extend(table.coefficients);
        }
        debug_assert!(cubics.len() <= MOST_SPECIES * MOST_SPECIES * TABLE_INTERVALS);
    }
    let parameters = rows[0].len();
    let species = real + 1;
    let value = |i: usize, j: usize, p: usize| {
        if i < real && j < real { rows[i * real + j][p] } else { 0.0 }
    };
    let mut tables = Vec::new();
    let combinations = species.pow(level.rows() as u32);
    for combination in 0..combinations {
        let (first, second) = (combination / species, combination % species);
        for p in 0..parameters {
            let mut table = [0.0; 16];
            for j in 0..species {
                if level.rows() == 2 {
                    table[j] = value(first, j, p);
                    table[8 + j] = value(second, j, p);
                } else {
                    table[j] = value(combination, j, p);
                }
            }
            tables.push(table);
        }
    }
    Ok(KernelInput {
        clusters: Vec::new(),
        diameters: Vec::new(),
        tables,
        species,
        cubics,
        matrix: fraction_matrix(simulation_box),
        triclinic: simulation_box.is_triclinic(),
        damping: field.damping_fit()?,
        out_of_reach2: (4.0 * field.cutoff * field.cutoff) as f32,
        reach2: (field.cutoff * field.cutoff) as f32,
        coulomb_cutoff2: field
            .coulomb
            .as_ref()
            .map_or(0.0, |c| (c.model.cutoff * c.model.cutoff) as f32),
    })
}
