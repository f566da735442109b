//! How much a payload may use: the table of all limits. The command line, policy files, their schema and
//! page, what passes between processes and every sentence about a limit read it.
#![forbid(unsafe_code)]

pub mod amounts;

use std::fmt;
use std::str::FromStr;

use self::amounts::{Amount, BadAmount, Bytes, Count, Span, Unit};
use crate::words::Layer;

/// What is demanded of one limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand<T> {
    /// What the sandbox thinks right; a host that cannot set it gets the next best.
    #[default]
    Default,
    /// This much and no more; a host that cannot set it is refused.
    Exactly(T),
    /// No limit, written `none`.
    Unlimited,
}

/// What is set of a limit of which nothing is demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usual {
    /// No limit.
    Nothing,
    /// This much, in the limit's unit.
    Exactly(u64),
    /// This much, in the limit's unit, or less where the machine has less for all.
    AtMost(u64),
    /// So many of a hundred parts of what there is for the caller.
    Percent(u64),
}

/// What there is to know of a limit, in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its key in the `[limits]` of a policy file, and its option where it has one.
    pub name: &'static str,
    /// What the help says of its option; none where it has none.
    pub help: Option<&'static str>,
    /// What it is counted in.
    pub unit: Unit,
    /// What is set where nothing is demanded.
    pub usual: Usual,
    /// What it is a limit of, as the page about policy files says it.
    pub of: &'static str,
    /// The layer that holds it.
    pub layer: Layer,
    /// What is said when it ends a build, before and behind "of" and its value.
    pub said: Option<(&'static str, &'static str)>,
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $field:ident: $Limit:ident, $Amount:ident, $row:expr;)*) => {
        /// The demands of a policy, one for each limit.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $field: Demand<$Amount>,)*
        }

        /// What there is a limit of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Limit {
            $($(#[doc = $doc])+ $Limit,)*
        }

        impl Limit {
            /// Each, in the order of the table.
            pub const ALL: [Self; [$(Self::$Limit),*].len()] = [$(Self::$Limit),*];

            /// Its row.
            #[must_use]
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$Limit => $row,)*
                }
            }
        }

        impl Limits {
            /// What is demanded of `limit`, in its unit.
            #[must_use]
            pub fn get(&self, limit: Limit) -> Demand<u64> {
                match limit {
                    $(Limit::$Limit => self.$field.map($Amount::number),)*
                }
            }

            /// Demands that of `limit`, in its unit.
            pub fn set(&mut self, limit: Limit, demand: Demand<u64>) {
                match limit {
                    $(Limit::$Limit => self.$field = demand.map($Amount::from_number),)*
                }
            }
        }

        #[cfg(test)]
        const UNITS: [Unit; Limit::ALL.len()] = [$($Amount::UNIT),*];
    };
}

limits! {
    /// Memory of the whole process tree, files in memory and page cache included.
    memory: Memory, Bytes, Row {
        name: "memory",
        help: Some("Memory of all processes together, files in memory included: 512M, 8G, none"),
        unit: Unit::Size,
        usual: Usual::Percent(MEMORY_PERCENT),
        of: "all processes together, files in memory included",
        layer: Layer::Limits,
        said: Some(("its memory", " was used up")),
    };
    /// Processes and threads at a time.
    pids: Pids, Count, Row {
        name: "pids",
        help: Some("Processes and threads at a time"),
        unit: Unit::Number,
        usual: Usual::AtMost(PROCESSES.0),
        of: "processes and threads at a time",
        layer: Layer::Limits,
        said: Some(("it reached its limit", " on processes at a time")),
    };
    /// Open descriptors of one process.
    open_files: OpenFiles, Count, Row {
        name: "open-files",
        help: None,
        unit: Unit::Number,
        usual: Usual::AtMost(OPEN_FILES.0),
        of: "descriptors of one process",
        layer: Layer::Limits,
        said: None,
    };
    /// The size of one file.
    file_size: FileSize, Bytes, Row {
        name: "file-size",
        help: None,
        unit: Unit::Size,
        usual: Usual::Exactly(FILE_SIZE.0),
        of: "one file",
        layer: Layer::Limits,
        said: Some(("a file may have reached the largest size", "")),
    };
    /// Processor time of one process, rounded up to seconds.
    cpu_time: CpuTime, Span, Row {
        name: "cpu-time",
        help: None,
        unit: Unit::Time,
        usual: Usual::Nothing,
        of: "processor time of one process, in whole seconds",
        layer: Layer::Limits,
        said: Some(("a process used up its processor time", "")),
    };
    /// Time from start to end.
    timeout: Timeout, Span, Row {
        name: "timeout",
        help: Some("End the build after this time: 90s, 10m, 2h"),
        unit: Unit::Time,
        usual: Usual::Nothing,
        of: "the call, until it exits",
        layer: Layer::Limits,
        said: Some(("its time", " was up")),
    };
    /// Time without a byte of output.
    silence: Silence, Span, Row {
        name: "silence",
        help: Some("End the build when it has printed nothing for this time"),
        unit: Unit::Time,
        usual: Usual::Nothing,
        of: "a build that prints nothing",
        layer: Layer::Limits,
        said: Some(("it printed nothing for longer than its limit", "")),
    };
    /// What it prints on the standard descriptors.
    log: Log, Bytes, Row {
        name: "log",
        help: Some("How much the build may print"),
        unit: Unit::Size,
        usual: Usual::Exactly(LOG.0),
        of: "what it prints",
        layer: Layer::Limits,
        said: Some(("it printed more than its limit", "")),
    };
    /// What it hands over, holes included.
    output: Output, Bytes, Row {
        name: "output",
        help: Some("How large what a hook hands over may be, holes included"),
        unit: Unit::Size,
        usual: Usual::Exactly(OUTPUT.0),
        of: "what a hook hands over, holes included",
        layer: Layer::Harvest,
        said: None,
    };
}

impl Limit {
    /// That of this name, its key and option.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.row().name == name)
    }

    /// Where it is set: its option, or its key where it has none.
    #[must_use]
    pub fn switch(self) -> String {
        let Row { name, help, .. } = self.row();
        match help {
            Some(_) => format!("--{name}"),
            None => format!("{name} in the [limits] of a --policy"),
        }
    }

    /// The same, as it stands in a sentence behind "raise".
    #[must_use]
    pub fn remedy(self) -> String {
        let Row { name, help, .. } = self.row();
        match help {
            Some(_) => format!("`--{name}`"),
            None => format!("`{name}` in the policy's `[limits]`"),
        }
    }

    /// What is demanded of it by a text: an amount of its unit, `none` or `default`.
    ///
    /// # Errors
    /// Why it is none of them.
    pub fn demand(self, text: &str) -> Result<Demand<u64>, BadAmount> {
        Demand::read(text, |amount| self.row().unit.parse(amount))
    }
}

/// As messages have it: `open-files` as two words.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A word that everybody knows.
            Self::Pids => f.pad("processes"),
            Self::CpuTime => f.pad("processor time"),
            limit => f.pad(&limit.row().name.replace('-', " ")),
        }
    }
}

impl Row {
    /// What is set where nothing is demanded, as the page about policy files has it.
    #[must_use]
    pub fn usual_text(&self) -> String {
        match self.usual {
            Usual::Nothing => "none".to_owned(),
            Usual::Exactly(number) => self.unit.text(number),
            Usual::AtMost(number) => {
                format!("{}, or less on a small machine", self.unit.text(number))
            }
            Usual::Percent(part) => format!("{part} % of what is there for the caller"),
        }
    }
}

/// Enough for `make -j` on the largest machines, not enough for a fork bomb to be felt.
pub const PROCESSES: Count = Count(16_384);
/// Of the numbers that the machine has for processes (`kernel.pid_max`, `kernel.threads-max`), no more
/// than this part: several builds side by side leave some to everybody else.
pub const PROCESSES_PART: u64 = 8;
/// More than any linker opens; programs that close all that they could have stay quick.
pub const OPEN_FILES: Count = Count(65_536);
/// Of the files that the machine can have open at all (`fs.file-max`), no more than this part, all
/// processes of a build together: the rest of the machine starts no program without them.
pub const OPEN_FILES_PART: u64 = 2;
/// Less than this is no default, of open files and of processes: it would keep builds from working. A
/// machine that has not got so many is not shared out.
pub const FEWEST_OPEN_FILES: u64 = 1_024;
/// The same of processes.
pub const FEWEST_PROCESSES: u64 = 512;
/// Debug builds of the largest packages have archives of a few GiB.
pub const FILE_SIZE: Bytes = Bytes(16 << 30);
/// The longest honest logs have tens of MiB.
pub const LOG: Bytes = Bytes(1 << 30);
/// The largest wheels that were seen have about three GiB.
pub const OUTPUT: Bytes = Bytes(4 << 30);
/// Of the memory that the caller's own limit leaves, this part in a hundred: the supervisor and
/// whoever started it need the rest when the payload is killed.
pub const MEMORY_PERCENT: u64 = 90;

impl<T> Demand<T> {
    /// The same of another kind of amount.
    pub fn map<U>(self, amount: impl FnOnce(T) -> U) -> Demand<U> {
        match self {
            Self::Default => Demand::Default,
            Self::Exactly(exactly) => Demand::Exactly(amount(exactly)),
            Self::Unlimited => Demand::Unlimited,
        }
    }

    fn read<E>(text: &str, amount: impl FnOnce(&str) -> Result<T, E>) -> Result<Self, E> {
        match text {
            "none" => Ok(Self::Unlimited),
            "default" => Ok(Self::Default),
            text => amount(text).map(Self::Exactly),
        }
    }
}

impl<T: FromStr<Err = BadAmount>> FromStr for Demand<T> {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        Self::read(text, str::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_a_word() {
        assert_eq!("none".parse(), Ok(Demand::<Bytes>::Unlimited));
        assert_eq!("default".parse(), Ok(Demand::<Count>::Default));
        assert_eq!("1G".parse(), Ok(Demand::Exactly(Bytes(1 << 30))));
    }
    #[test]
    fn every_limit_is_one_row() {
        for (limit, unit) in Limit::ALL.into_iter().zip(UNITS) {
            let row = limit.row();
            assert_eq!(row.unit, unit, "{}", row.name);
            assert_eq!(Limit::of_name(row.name), Some(limit));
            let mut limits = Limits::default();
            assert_eq!(limits.get(limit), Demand::Default);
            limits.set(limit, limit.demand("none").unwrap());
            assert_eq!(limits.get(limit), Demand::Unlimited);
            limits.set(limit, Demand::Exactly(2_000_000_000));
            assert_eq!(limits.get(limit), Demand::Exactly(2_000_000_000));
            let others = Limit::ALL.into_iter().filter(|other| *other != limit);
            assert!(others.map(|other| limits.get(other)).all(|it| it == Demand::Default));
            assert_eq!(limit.switch().starts_with("--"), row.help.is_some());
        }
    }

    #[test]
    fn the_page_about_policy_files_has_every_row() {
        let page = include_str!("../../../docs/policy.md");
        for row in Limit::ALL.map(Limit::row) {
            let option = row.help.map_or_else(|| "–".to_owned(), |_| format!("`--{}`", row.name));
            let (name, unit) = (row.name, row.unit.word());
            let line =
                format!("| `{name}` | {unit} | {option} | {} | {} |", row.usual_text(), row.of);
            assert!(page.lines().any(|it| it == line), "docs/policy.md lacks the row\n{line}");
        }
    }
}
