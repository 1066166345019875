//! Chemical compositions: "(Na2O)30(SiO2)70", "SiO2", "A80B20".

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Deepest nesting of brackets.
const DEEPEST: usize = 32;
/// Most decimals of an amount.
const MOST_DECIMALS: u32 = 6;
/// Largest charge per atom taken for neutral, e.
const NEUTRAL: f64 = 1e-9;

/// Species and their smallest whole-number amounts, in the order of the formula.
///
/// Amounts after brackets multiply what is inside, so mol % of oxides is written as a formula:
/// (Na2O)30(SiO2)70 is Na60 Si70 O170, in lowest terms Na6 O17 Si7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composition {
    formula: String,
    amounts: Vec<(String, u64)>,
}

impl Composition {
    /// Parses a formula. Species are a capital letter and small ones; amounts may have decimals.
    pub fn parse(formula: &str) -> Result<Self> {
        let mut parser = Parser { formula, rest: formula, depth: 0 };
        let terms = parser.group()?;
        if !parser.rest.is_empty() {
            return Err(parser.error("a closing bracket without an opening one"));
        }
        let mut amounts: Vec<(String, u128)> = Vec::new();
        for (name, amount) in terms {
            match amounts.iter_mut().find(|(known, _)| *known == name) {
                Some((_, total)) => {
                    *total = total.checked_add(amount).ok_or_else(|| parser.error(TOO_LARGE))?;
                }
                None => amounts.push((name, amount)),
            }
        }
        let divisor = amounts.iter().fold(0, |d, (_, amount)| greatest_common_divisor(d, *amount));
        if divisor == 0 {
            return Err(parser.error("no species"));
        }
        let mut total: u64 = 0;
        let mut reduced = Vec::with_capacity(amounts.len());
        for (name, amount) in amounts {
            let amount = u64::try_from(amount / divisor).ok();
            let sum = amount.and_then(|a| total.checked_add(a)).filter(|&t| t < 1 << 48);
            let (Some(amount), Some(sum)) = (amount, sum) else {
                return Err(parser.error(TOO_LARGE));
            };
            total = sum;
            reduced.push((name, amount));
        }
        Ok(Self { formula: formula.trim().to_owned(), amounts: reduced })
    }

    /// Species and their amounts in the smallest formula unit of whole numbers.
    pub fn amounts(&self) -> &[(String, u64)] {
        &self.amounts
    }

    /// Atoms in the smallest formula unit of whole numbers.
    pub fn atoms_per_unit(&self) -> u64 {
        self.amounts.iter().map(|(_, amount)| amount).sum()
    }

    /// How many atoms of each species make exactly this composition with `atoms` atoms in all.
    pub fn counts(&self, atoms: usize) -> Result<Vec<(String, usize)>> {
        let unit = self.atoms_per_unit();
        let atoms = atoms as u64;
        let units = atoms / unit;
        if units == 0 || !atoms.is_multiple_of(unit) {
            let larger = (units + 1) * unit;
            let nearest = if units == 0 {
                format!("{larger}")
            } else {
                format!("{} or {larger}", units * unit)
            };
            return Err(Error::input(
                format!(
                    "{atoms} atoms cannot have the composition {self}: it comes in units of {unit} atoms"
                ),
                format!("use {nearest} atoms"),
            ));
        }
        Ok(self.amounts.iter().map(|(n, a)| (n.clone(), (a * units) as usize)).collect())
    }

    /// Mean of a property per atom, such as the mass or the charge; an error names the species
    /// that lacks it.
    pub fn mean(&self, what: &str, property: impl Fn(&str) -> Option<f64>) -> Result<f64> {
        let mut sum = 0.0;
        for (name, amount) in &self.amounts {
            let value = property(name).ok_or_else(|| {
                Error::input(
                    format!("species {name} of {self} has no {what}"),
                    format!("give {name} a {what} in the force field"),
                )
            })?;
            sum += value * *amount as f64;
        }
        Ok(sum / self.atoms_per_unit() as f64)
    }

    /// Error unless the charges (e) of the species add up to zero.
    pub fn check_neutral(&self, charge: impl Fn(&str) -> Option<f64>) -> Result<()> {
        let mean = self.mean("charge", charge)?;
        // Written so that NaN is not neutral.
        if mean.abs() <= NEUTRAL {
            return Ok(());
        }
        Err(Error::input(
            format!(
                "{self} is not neutral: {:+} e per {} atoms",
                (mean * self.atoms_per_unit() as f64 * 1e9).round() / 1e9,
                self.atoms_per_unit()
            ),
            "correct the composition or the charges of the force field",
        ))
    }
}

impl fmt::Display for Composition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.formula)
    }
}

impl FromStr for Composition {
    type Err = Error;

    fn from_str(formula: &str) -> Result<Self> {
        Self::parse(formula)
    }
}

const TOO_LARGE: &str = "the amounts are too large or too finely divided";

fn greatest_common_divisor(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

struct Parser<'a> {
    formula: &'a str,
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, what: &str) -> Error {
        let place = self.formula.len() - self.rest.len() + 1;
        Error::input(
            format!("composition `{}`, character {place}: {what}", self.formula),
            "write it like (Na2O)30(SiO2)70, SiO2 or A80B20",
        )
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    /// Terms up to a closing bracket or the end, as whole numbers. Decimals are scaled away, which
    /// only the outermost group may do: inside brackets it would change the proportions.
    fn group(&mut self) -> Result<Vec<(String, u128)>> {
        let mut terms = Vec::new();
        loop {
            let inner = match self.peek() {
                Some(open @ ('(' | '[' | '{')) => {
                    self.depth += 1;
                    if self.depth > DEEPEST {
                        return Err(self.error("brackets nested too deeply"));
                    }
                    self.rest = &self.rest[1..];
                    let inner = self.group()?;
                    let close = match open {
                        '(' => ')',
                        '[' => ']',
                        _ => '}',
                    };
                    if self.peek() != Some(close) {
                        return Err(self.error(&format!("`{close}` expected")));
                    }
                    self.rest = &self.rest[1..];
                    self.depth -= 1;
                    inner
                }
                Some(c) if c.is_ascii_uppercase() => {
                    let small = |c: char| !c.is_ascii_lowercase();
                    let end = self.rest[1..].find(small).map_or(self.rest.len(), |n| n + 1);
                    let (name, rest) = self.rest.split_at(end);
                    self.rest = rest;
                    vec![(name.to_owned(), 1)]
                }
                None | Some(')' | ']' | '}') => break,
                Some(_) => return Err(self.error("a species or a bracket expected")),
            };
            let (numerator, denominator) = self.amount()?;
            terms.push((inner, numerator, denominator));
        }
        if terms.is_empty() {
            return Err(self.error("a species expected"));
        }
        let common = terms.iter().map(|t| t.2).max().unwrap_or(1);
        if common != 1 && self.depth > 0 {
            return Err(self.error("amounts inside brackets must be whole numbers"));
        }
        let mut flat = Vec::new();
        for (inner, numerator, denominator) in terms {
            for (name, amount) in inner {
                let scaled = (common / denominator)
                    .checked_mul(numerator)
                    .and_then(|factor| factor.checked_mul(amount))
                    .ok_or_else(|| self.error(TOO_LARGE))?;
                flat.push((name, scaled));
            }
        }
        Ok(flat)
    }

    /// A number as numerator and power of ten, 1 if there is none.
    fn amount(&mut self) -> Result<(u128, u128)> {
        self.peek();
        let end =
            self.rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        if text.is_empty() {
            return Ok((1, 1));
        }
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let decimals = decimals.trim_end_matches('0');
        if decimals.len() > MOST_DECIMALS as usize || decimals.contains('.') || whole.len() > 12 {
            return Err(self.error("not a usable amount"));
        }
        let numerator: u128 =
            format!("0{whole}{decimals}").parse().map_err(|_| self.error("not an amount"))?;
        if numerator == 0 {
            return Err(self.error("an amount of zero"));
        }
        self.rest = &self.rest[end..];
        Ok((numerator, 10u128.pow(decimals.len() as u32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(formula: &str, atoms: usize) -> Vec<(String, usize)> {
        Composition::parse(formula).and_then(|c| c.counts(atoms)).expect(formula)
    }

    fn named(list: &[(&str, usize)]) -> Vec<(String, usize)> {
        list.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect()
    }

    #[test]
    fn sodium_silicate() {
        let expected = named(&[("Na", 600), ("O", 1700), ("Si", 700)]);
        assert_eq!(counts("(Na2O)30(SiO2)70", 3000), expected);
        assert_eq!(counts("(Na2O)0.3(SiO2)0.7", 3000), expected);
        assert_eq!(counts("(Na2O)30.0 (SiO2)70", 3000), expected);
        let million = named(&[("Na", 205_800), ("O", 583_100), ("Si", 240_100)]);
        assert_eq!(counts("(Na2O)30(SiO2)70", 1_029_000), million);
    }

    #[test]
    fn other_formulas() {
        assert_eq!(counts("SiO2", 3), named(&[("Si", 1), ("O", 2)]));
        assert_eq!(counts("A80B20", 1000), named(&[("A", 800), ("B", 200)]));
        let nested = counts("[(CaO)2(Al2O3)]3(SiO2)", 30);
        assert_eq!(nested, named(&[("Ca", 6), ("O", 17), ("Al", 6), ("Si", 1)]));
        assert_eq!(counts("Co", 2), named(&[("Co", 2)]));
        assert_eq!(counts("CO", 2), named(&[("C", 1), ("O", 1)]));
    }

    #[test]
    fn inexact_counts_name_the_nearest() {
        let composition = Composition::parse("(Na2O)30(SiO2)70").expect("formula");
        assert_eq!(composition.atoms_per_unit(), 30);
        let error = composition.counts(3001).expect_err("not divisible");
        assert!(error.remedy().contains("3000 or 3030"), "{}", error.remedy());
        assert!(composition.counts(29).expect_err("too few").remedy().contains("use 30"));
        assert!(composition.counts(0).is_err());
    }

    #[test]
    fn neutrality() {
        let charge = |name: &str| match name {
            "Na" => Some(0.6),
            "Si" => Some(2.4),
            "O" => Some(-1.2),
            _ => None,
        };
        let neutral = Composition::parse("(Na2O)30(SiO2)70").expect("formula");
        neutral.check_neutral(charge).expect("neutral");
        let charged = Composition::parse("NaO").expect("formula");
        let message = charged.check_neutral(charge).expect_err("charged").to_string();
        assert!(message.contains("-0.6 e per 2 atoms"), "{message}");
        assert!(Composition::parse("KO").expect("formula").check_neutral(charge).is_err());
        assert!(neutral.check_neutral(|_| Some(f64::NAN)).is_err());
    }

    #[test]
    fn bad_formulas() {
        for bad in [
            "",
            " ",
            "2SiO2",
            "na",
            "Si)",
            "(Si",
            "(Si]",
            "()",
            "Si0",
            "Si1.2.3",
            "(Si1.5O)2",
            "Si-O",
            "Si9999999999999999",
            "Si0.12345678",
            "é",
            "Si٣",
            ".",
            "Si.",
        ] {
            assert!(Composition::parse(bad).is_err(), "{bad} was accepted");
        }
        let deep = "(".repeat(100_000);
        assert!(Composition::parse(&deep).is_err());
    }
}
