//! Fulgurite: a compute engine for disordered materials.
//!
//! Structures go in, physics runs on a device (`reference`, `cpu` or `gpu`), numbers and pictures
//! come out. ARCHITECTURE.md in the repository describes how the parts fit.

pub mod analysis;
pub mod backend;
pub mod bench;
pub mod config;
pub mod descriptor;
pub mod dynamics;
pub mod error;
pub mod io;
pub mod labels;
pub mod learning;
pub mod plot;
pub mod potential;
pub mod protocol;
pub mod report;
pub mod softness;
pub mod sorption;
pub mod system;

pub use error::{Error, Result};
