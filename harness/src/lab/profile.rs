//! Profiles of labs: what the caller of a build system has on the hosts that people use.
#![forbid(unsafe_code)]

/// A kind of host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Root in a disposable container.
    #[default]
    Root,
    /// An ordinary user, whose home and work are his own and who may become nobody else.
    User,
}

impl Profile {
    /// Every one, with its name.
    pub const ALL: [(Self, &'static str); 2] = [(Self::Root, "root"), (Self::User, "user")];

    /// The one of that name; trials of unknown hosts are refused before they get here.
    #[must_use]
    pub fn of(host: &str) -> Self {
        Self::ALL.iter().find(|(_, name)| *name == host).map(|(it, _)| *it).unwrap_or_default()
    }

    /// Whether the caller is root.
    #[must_use]
    pub const fn is_root(self) -> bool {
        matches!(self, Self::Root)
    }

    /// The caller's uid and gid.
    #[must_use]
    pub const fn caller(self) -> u32 {
        match self {
            Self::Root => 0,
            Self::User => 1000,
        }
    }

    /// The caller's home.
    #[must_use]
    pub const fn home(self) -> &'static str {
        match self {
            Self::Root => "/root",
            Self::User => "/home/user",
        }
    }
}
