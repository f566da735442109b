//! What build isolation and network isolation mean together, for each kind of step of a front end.
//!
//! A front end such as Fromager has two switches, `--build-isolation` and `--network-isolation`, and
//! starts commands of several kinds. Which of them either switch reaches is decided here, once; the
//! table in `docs/combinations.md` is this function, row by row.
#![forbid(unsafe_code)]

use super::levels::Level;

/// A kind of step in which a front end starts a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontEndStep {
    /// A call of a hook of PEP 517 or PEP 660: a stranger's code.
    Hook,
    /// The creation of the virtual environment, and the installation of what the build requires.
    VirtualEnvironment,
    /// Any other command: unpacking, patching, adding to a local index.
    OtherCommand,
}

impl FrontEndStep {
    /// Every kind, the strangest first.
    pub const ALL: [Self; 3] = [Self::Hook, Self::VirtualEnvironment, Self::OtherCommand];

    /// The words for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hook => "hook call",
            Self::VirtualEnvironment => "virtual environment",
            Self::OtherCommand => "other command",
        }
    }
}

/// How a step is isolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isolation {
    /// Not at all.
    None,
    /// From the network alone.
    Network,
    /// From everything: files, processes, secrets and the network.
    Full,
}

impl Isolation {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Network => "network",
            Self::Full => "full",
        }
    }

    /// The level that a front end asks for; without one it starts the command as it is.
    #[must_use]
    pub const fn level(self) -> Option<Level> {
        match self {
            Self::None => None,
            Self::Network => Some(Level::Network),
            Self::Full => Some(Level::Full),
        }
    }
}

/// How `step` is isolated where the two switches are on or off. Pure.
///
/// - Build isolation is for hook calls alone, for in them a stranger's code runs.
/// - There it contains network isolation, and `--no-network-isolation` does not weaken it: who asks
///   for isolation of the build does not expect it to have a network.
/// - All other steps follow network isolation alone. The creation of the virtual environment is one
///   of them: it needs the index, or its mirror, unless network isolation says otherwise.
#[must_use]
pub const fn isolation(build: bool, network: bool, step: FrontEndStep) -> Isolation {
    match (step, build, network) {
        (FrontEndStep::Hook, true, _) => Isolation::Full,
        (_, _, true) => Isolation::Network,
        (_, _, false) => Isolation::None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::FrontEndStep::{Hook, OtherCommand, VirtualEnvironment};
    use super::*;

    #[rstest]
    #[case::a_hook_without_switches(false, false, Hook, Isolation::None)]
    #[case::a_hook_without_network(false, true, Hook, Isolation::Network)]
    #[case::a_hook_in_isolation(true, true, Hook, Isolation::Full)]
    #[case::a_hook_is_not_weakened(true, false, Hook, Isolation::Full)]
    #[case::an_environment_without_switches(false, false, VirtualEnvironment, Isolation::None)]
    #[case::an_environment_without_network(false, true, VirtualEnvironment, Isolation::Network)]
    #[case::an_environment_follows_network(true, true, VirtualEnvironment, Isolation::Network)]
    #[case::an_environment_ignores_build(true, false, VirtualEnvironment, Isolation::None)]
    #[case::a_command_without_switches(false, false, OtherCommand, Isolation::None)]
    #[case::a_command_without_network(false, true, OtherCommand, Isolation::Network)]
    #[case::a_command_follows_network(true, true, OtherCommand, Isolation::Network)]
    #[case::a_command_ignores_build(true, false, OtherCommand, Isolation::None)]
    fn every_combination_means_one_thing(
        #[case] build: bool,
        #[case] network: bool,
        #[case] step: FrontEndStep,
        #[case] expected: Isolation,
    ) {
        assert_eq!(isolation(build, network, step), expected);
    }

    #[test]
    fn no_switch_ever_weakens_a_step() {
        for step in FrontEndStep::ALL {
            for other in [false, true] {
                assert!(isolation(true, other, step) >= isolation(false, other, step));
                assert!(isolation(other, true, step) >= isolation(other, false, step));
            }
        }
    }

    #[test]
    fn the_table_in_the_documents_is_this_function() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/combinations.md");
        let text = std::fs::read_to_string(path).unwrap();
        let rows = text.lines().filter(|line| line.starts_with("| `--"));
        let word =
            |on, name: &str| if on { format!("`--{name}`") } else { format!("`--no-{name}`") };
        let mut expected = Vec::new();
        for step in FrontEndStep::ALL {
            for (build, network) in [(false, false), (false, true), (true, false), (true, true)] {
                expected.push(format!(
                    "| {} | {} | {} | {} |",
                    word(build, "build-isolation"),
                    word(network, "network-isolation"),
                    step.name(),
                    isolation(build, network, step).name(),
                ));
            }
        }
        assert_eq!(rows.collect::<Vec<_>>(), expected);
    }
}
