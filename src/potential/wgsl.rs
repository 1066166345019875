//! Prints pair potentials as WGSL: the generic definitions, run with an arithmetic that writes
//! down what it is asked to do.
//!
//! The printed functions are straight-line `let`s; [`Real::select_rare`] becomes an `if` block.
//! They rely on what `shaders/common/real.wgsl` defines: the `Distance` structure,
//! `exp2_of_distance`; on `Row`, the numbers of a species pair in words of four; and on
//! `damping(index)` for those of a fitted [`Damping`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::{Add, Mul, Neg, Sub};

use super::compiled::{ROW_TAIL, short_range_term};
use super::coulomb::{DAMPING_TERMS, Damping, coulomb_term};
use super::forms::{FormKind, PairForm};
use super::real::{Distance, Parameters, Rare, Real, Term};
use super::table::cubic_piece;
use crate::with_pair_form;

/// Offsets of the numbers of a fitted damping as `damping(index)` reads them: 2/R², f_c, U₀,
/// R², then the coefficients of E, then those of 2 dE/ds.
pub const DAMPING_HEADER: usize = 4;

/// A value in the function being printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traced(u32);

/// A comparison in the function being printed.
#[derive(Debug, Clone, Copy)]
pub struct TracedMask(u32);

#[derive(Default)]
struct Tape {
    body: String,
    indent: usize,
    next: u32,
    names: Vec<String>,
    /// Expressions already written in this scope, so that each is computed once.
    known: HashMap<String, u32>,
}

impl Tape {
    fn name(&self, value: u32) -> &str {
        &self.names[value as usize]
    }

    /// An argument or literal, written where it is used.
    fn inline(&mut self, text: String) -> u32 {
        if let Some(&known) = self.known.get(&text) {
            return known;
        }
        self.names.push(text.clone());
        let id = self.names.len() as u32 - 1;
        self.known.insert(text, id);
        id
    }

    /// A new `let`.
    fn bind(&mut self, expression: String) -> u32 {
        if let Some(&known) = self.known.get(&expression) {
            return known;
        }
        let name = format!("v{}", self.next);
        self.next += 1;
        self.line(&format!("let {name} = {expression};"));
        self.names.push(name);
        let id = self.names.len() as u32 - 1;
        self.known.insert(expression, id);
        id
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.body, "{:width$}{text}", "", width = 4 * self.indent);
    }
}

thread_local! {
    static TAPE: RefCell<Tape> = RefCell::default();
}

fn with_tape<T>(f: impl FnOnce(&mut Tape) -> T) -> T {
    TAPE.with(|tape| f(&mut tape.borrow_mut()))
}

fn inline(text: impl Into<String>) -> Traced {
    Traced(with_tape(|tape| tape.inline(text.into())))
}

fn binary(a: Traced, operator: &str, b: Traced) -> Traced {
    Traced(with_tape(|tape| {
        let expression = format!("{} {operator} {}", tape.name(a.0), tape.name(b.0));
        tape.bind(expression)
    }))
}

impl Add for Traced {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        binary(self, "+", o)
    }
}

impl Sub for Traced {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        binary(self, "-", o)
    }
}

impl Mul for Traced {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        binary(self, "*", o)
    }
}

impl Neg for Traced {
    type Output = Self;
    fn neg(self) -> Self {
        Self(with_tape(|tape| {
            let text = format!("(-{})", tape.name(self.0));
            tape.inline(text)
        }))
    }
}

impl Real for Traced {
    type Mask = TracedMask;

    fn constant(value: f64) -> Self {
        // The shortest text that reads back as the same f32.
        inline(format!("{:?}f", value as f32))
    }

    fn mul_add(self, a: Self, b: Self) -> Self {
        Self(with_tape(|tape| {
            let text =
                format!("fma({}, {}, {})", tape.name(self.0), tape.name(a.0), tape.name(b.0));
            tape.bind(text)
        }))
    }

    fn distance(_: Self) -> Distance<Self> {
        // Kernels compute the distance once and pass it in.
        argument_distance()
    }

    fn exp2_of_distance(rate: Self, _: &Distance<Self>) -> Self {
        Self(with_tape(|tape| {
            let text = format!("exp2_of_distance({}, d)", tape.name(rate.0));
            tape.bind(text)
        }))
    }

    fn power(self, exponent: Self) -> Self {
        Self(with_tape(|tape| {
            let text = format!("pow({}, {})", tape.name(self.0), tape.name(exponent.0));
            tape.bind(text)
        }))
    }

    fn less(self, other: Self) -> TracedMask {
        TracedMask(binary(self, "<", other).0)
    }

    fn select(mask: TracedMask, yes: Self, no: Self) -> Self {
        Self(with_tape(|tape| {
            let text =
                format!("select({}, {}, {})", tape.name(no.0), tape.name(yes.0), tape.name(mask.0));
            tape.bind(text)
        }))
    }

    fn select_rare(mask: TracedMask, usual: Term<Self>, rare: impl Rare<Self>) -> Term<Self> {
        let (names, outer) = with_tape(|tape| {
            let names = [format!("energy{}", tape.next), format!("virial{}", tape.next)];
            tape.next += 1;
            for (name, value) in names.iter().zip([usual.energy, usual.virial]) {
                let line = format!("var {name} = {};", tape.name(value.0));
                tape.line(&line);
            }
            let line = format!("if {} {{", tape.name(mask.0));
            tape.line(&line);
            tape.indent += 1;
            (names, tape.known.clone())
        });
        let term = rare.term();
        with_tape(|tape| {
            for (name, value) in names.iter().zip([term.energy, term.virial]) {
                let line = format!("{name} = {};", tape.name(value.0));
                tape.line(&line);
            }
            tape.indent -= 1;
            tape.line("}");
            // What was computed inside the block is not in scope behind it.
            tape.known = outer;
        });
        let [energy, virial] = names.map(inline);
        Term { energy, virial }
    }
}

fn argument_distance() -> Distance<Traced> {
    Distance {
        r2: inline("d.r2"),
        r: inline("d.r"),
        residual: inline("d.residual"),
        inverse: inline("d.inverse"),
    }
}

/// Numbers of a species pair: words of four, so that they are loaded four at a time.
struct TracedRow;

impl Parameters<Traced> for TracedRow {
    fn get(&self, index: usize) -> Traced {
        let component = ["x", "y", "z", "w"][index % 4];
        Traced(with_tape(|tape| tape.bind(format!("row.words[{}].{component}", index / 4))))
    }

    fn diameters(&self) -> [Traced; 2] {
        [inline("diameters.x"), inline("diameters.y")]
    }
}

/// A fitted damping with a fixed number of slope coefficients.
struct TracedDamping {
    terms: usize,
}

fn damping_number(index: usize) -> Traced {
    Traced(with_tape(|tape| tape.bind(format!("damping({index}u)"))))
}

fn horner(first: usize, count: usize, t: Traced) -> Traced {
    let mut sum = damping_number(first + count - 1);
    for k in (0..count - 1).rev() {
        sum = sum.mul_add(t, damping_number(first + k));
    }
    sum
}

impl Damping<Traced> for TracedDamping {
    fn erf_over_r(&self, d: &Distance<Traced>) -> [Traced; 2] {
        let t = d.r2.mul_add(damping_number(0), Traced::constant(-1.0));
        let energy = horner(DAMPING_HEADER, self.terms + 1, t);
        let slope = horner(DAMPING_HEADER + self.terms + 1, self.terms, t);
        [energy, slope]
    }

    fn force_shift(&self) -> Traced {
        damping_number(1)
    }

    fn energy_shift(&self) -> Traced {
        damping_number(2)
    }
}

const NOTICE: &str = "// Printed from the Rust definition of the potential; do not edit.\n";

fn function(doc: &str, signature: &str, body: impl FnOnce() -> Term<Traced>) -> String {
    TAPE.with(|tape| *tape.borrow_mut() = Tape { indent: 1, ..Tape::default() });
    // The kernels' distance holds 1/r² rounded once: the square of a rounded 1/r would pass three
    // times its error to every 1/r⁶, the largest error of a Buckingham bond.
    with_tape(|tape| {
        let inverse2 = tape.inline("d.inverse2".into());
        tape.known.insert("d.inverse * d.inverse".into(), inverse2);
    });
    let term = body();
    with_tape(|tape| {
        format!(
            "{NOTICE}// {doc}\nfn {signature} -> vec2<f32> {{\n{}    return vec2<f32>({}, {});\n}}\n",
            tape.body,
            tape.name(term.energy.0),
            tape.name(term.virial.0)
        )
    })
}

/// WGSL of a form's short-range term with its shift and cutoff:
/// `short_range(d, row, diameters)` gives energy and −r dU/dr. Tables print
/// `cubic_piece(c, t, minus_two_over_step, r2)`.
pub fn short_range_function(kind: FormKind) -> String {
    with_pair_form!(kind,
        Form => function(
            &format!("Short-range term of `{}`: energy and -r dU/dr.", Form::NAME),
            "short_range(d: Distance, row: Row, diameters: vec2<f32>)",
            || short_range_term::<Form, Traced, _>(&TracedRow, &argument_distance()),
        ),
        table => function(
            "A cubic piece of a tabulated potential: energy and -r dU/dr.",
            "cubic_piece(c: vec4<f32>, t: f32, minus_two_over_step: f32, r2: f32)",
            || {
                let c = ["c.x", "c.y", "c.z", "c.w"].map(inline);
                cubic_piece(c, inline("t"), inline("minus_two_over_step"), inline("r2"))
            },
        )
    )
}

/// WGSL of the Coulomb term with a fitted damping of `terms` slope coefficients, or of no
/// Coulomb term at all.
pub fn coulomb_function(terms: Option<usize>) -> String {
    let signature = "coulomb(d: Distance, qq: f32)";
    match terms {
        None => function("No charges.", signature, Term::zero),
        Some(terms) => function(
            &format!("Damped shifted force Coulomb, {terms} slope coefficients."),
            signature,
            || {
                let d = argument_distance();
                let inside = d.r2.less(damping_number(3));
                coulomb_term(inline("qq"), &d, &TracedDamping { terms }).masked(inside)
            },
        ),
    }
}

/// Length of the kernel row of a form: its own numbers and [`ROW_TAIL`].
pub fn row_width(kind: FormKind) -> usize {
    let own: &[&str] = with_pair_form!(kind, Form => Form::PARAMETERS, table => &[]);
    own.len() + ROW_TAIL.len()
}

/// Index in the row of the r² below which the repair branch acts, if the form has one.
pub fn rare_below(kind: FormKind) -> Option<usize> {
    with_pair_form!(kind, Form => Form::RARE_BELOW, table => None)
}

/// Every form with a kernel.
pub const FORM_KINDS: [FormKind; 5] = [
    FormKind::Buckingham,
    FormKind::BuckinghamRepulsion24,
    FormKind::LennardJones,
    FormKind::GeneralizedLennardJones,
    FormKind::Table,
];

/// Name of a form in file names.
pub fn form_name(kind: FormKind) -> &'static str {
    with_pair_form!(kind, Form => Form::NAME, table => "table")
}

/// Every printed function with its file name, as `shaders/generated/` holds them.
pub fn printed_files() -> Vec<(String, String)> {
    let forms =
        FORM_KINDS.map(|kind| (format!("{}.wgsl", form_name(kind)), short_range_function(kind)));
    let mut files = forms.to_vec();
    files.push(("coulomb_none.wgsl".into(), coulomb_function(None)));
    for terms in DAMPING_TERMS {
        files.push((format!("coulomb_{terms}.wgsl"), coulomb_function(Some(terms))));
    }
    files
}
