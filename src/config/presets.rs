//! Force fields that come with the program.

/// A force field embedded in the binary.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// Name for `--forcefield` and `forcefield = `.
    pub name: &'static str,
    /// Text of the file in `configs/forcefields/`.
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        /// Every preset, by name.
        pub const PRESETS: &[Preset] = &[$(Preset {
            name: $name,
            text: include_str!(concat!("../../configs/forcefields/", $name, ".toml")),
        }),*];
    };
}

presets![
    "teter",
    "du-teter",
    "bks",
    "chik",
    "silica-ml",
    "silica-ml-all",
    "silica-ml-sio",
    "silica-soft",
    "silica-hard",
    "kob-andersen",
    "kob-andersen-c16",
    "lennard-jones",
    "csh",
];

/// The preset of a name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|p| p.name == name)
}
