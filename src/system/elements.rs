//! Chemical elements: standard atomic weights by symbol, and symbols by mass or atomic number.

use mendeleev::Element;

/// How far a file's mass may be from the standard atomic weight and still name the element, g/mol.
const MASS_TOLERANCE: f64 = 0.01;

/// Standard atomic weight of an element symbol, g/mol (IUPAC; conventional value of intervals).
pub fn standard_mass(symbol: &str) -> Option<f64> {
    find(symbol).map(|element| f64::from(&element.atomic_weight()))
}

/// Atomic number of an element symbol.
pub fn atomic_number(symbol: &str) -> Option<u32> {
    find(symbol).map(|element| element.atomic_number())
}

/// Element symbol of an atomic number.
pub fn symbol_of_number(number: u32) -> Option<&'static str> {
    Element::iter().find(|e| e.atomic_number() == number).map(|e| e.symbol())
}

/// Element symbol whose standard atomic weight is within 0.01 g/mol of a mass.
///
/// A mass of exactly 1 is that of reduced units, not hydrogen's.
pub fn symbol_of_mass(mass: f64) -> Option<&'static str> {
    if mass == 1.0 {
        return None;
    }
    Element::iter()
        .map(|e| ((f64::from(&e.atomic_weight()) - mass).abs(), e.symbol()))
        .filter(|&(difference, _)| difference <= MASS_TOLERANCE)
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, symbol)| symbol)
}

fn find(symbol: &str) -> Option<Element> {
    Element::iter().find(|e| e.symbol() == symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_and_masses() {
        assert_eq!(standard_mass("Na"), Some(22.98976928));
        assert_eq!(standard_mass("Xx"), None);
        assert_eq!(symbol_of_mass(28.0855), Some("Si"));
        assert_eq!(symbol_of_mass(15.9994), Some("O"));
        assert_eq!(symbol_of_mass(1.008), Some("H"));
        assert_eq!(symbol_of_mass(1.0), None);
        assert_eq!(symbol_of_mass(f64::NAN), None);
        assert_eq!(atomic_number("Si"), Some(14));
        assert_eq!(symbol_of_number(8), Some("O"));
    }
}
