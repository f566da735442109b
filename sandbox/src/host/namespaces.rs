//! What a host refuses of all that is done in namespaces: what a version or a setting promises, a
//! filter, a security module or a mask over `/proc` may still forbid.
#![forbid(unsafe_code)]

use std::fmt;

use rustix::io::Errno;

/// What a namespaced launch does that a host may refuse, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// Creating the namespaces, the user namespace among them.
    Create,
    /// Mapping a user into the user namespace.
    MapIds,
    /// Giving the host name namespace a name.
    Hostname,
    /// Mounting a file system in memory, and a part of the host's.
    Mount,
    /// Bringing up loopback.
    Loopback,
    /// Mounting a fresh `/proc`.
    Proc,
}

impl Act {
    /// Every act, in order.
    pub const ALL: [Self; 6] =
        [Self::Create, Self::MapIds, Self::Hostname, Self::Mount, Self::Loopback, Self::Proc];

    /// Whether a launch can do without it, with less to hold.
    #[must_use]
    pub const fn can_be_spared(self) -> bool {
        matches!(self, Self::Hostname | Self::Proc)
    }

    /// What it does, as it stands behind "could not".
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Create => "create the namespaces",
            Self::MapIds => "map a user",
            Self::Hostname => "set the host name",
            Self::Mount => "mount file systems",
            Self::Loopback => "bring up loopback",
            Self::Proc => "mount a fresh /proc",
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// What is known about namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Namespaces {
    /// `user.max_user_namespaces` is 0, or the kernel has none.
    Off,
    /// There are some. They were tried, and these acts were refused; none where nothing was tried
    /// yet, for that costs a launch.
    Refusing(Vec<(Act, Errno)>),
}

impl Namespaces {
    /// Nothing is known to be refused.
    pub const UNTRIED: Self = Self::Refusing(vec![]);

    /// The same, with `act` refused; none where that is no news.
    #[must_use]
    pub fn refusing(&self, act: Act, errno: Errno) -> Option<Self> {
        match self {
            Self::Refusing(refused) if self.refusal(act).is_none() => {
                let mut refused = refused.clone();
                refused.push((act, errno));
                refused.sort_by_key(|(act, _)| *act);
                Some(Self::Refusing(refused))
            }
            Self::Off | Self::Refusing(_) => None,
        }
    }

    /// Whether a launch can rest on them.
    #[must_use]
    pub fn are_usable(&self) -> bool {
        match self {
            Self::Off => false,
            Self::Refusing(refused) => refused.iter().all(|(act, _)| act.can_be_spared()),
        }
    }

    /// Whether `act` can be done in them.
    #[must_use]
    pub fn allow(&self, act: Act) -> bool {
        self.are_usable() && self.refusal(act).is_none()
    }

    /// Whether nothing at all is refused in them.
    #[must_use]
    pub fn allow_all(&self) -> bool {
        Act::ALL.into_iter().all(|act| self.allow(act))
    }

    /// Why a launch cannot rest on them, in words.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        match self {
            _ if self.are_usable() => None,
            Self::Off => Some("user namespaces are switched off here".to_owned()),
            Self::Refusing(refused) => {
                let indispensable = refused.iter().find(|(act, _)| !act.can_be_spared());
                indispensable.map(|(act, errno)| {
                    format!("this host does not let the sandbox {act} ({})", in_words(*errno))
                })
            }
        }
    }

    /// The errno with which `act` was refused.
    #[must_use]
    pub fn refusal(&self, act: Act) -> Option<Errno> {
        match self {
            Self::Refusing(refused) => {
                refused.iter().find(|(known, _)| *known == act).map(|(_, errno)| *errno)
            }
            Self::Off => None,
        }
    }
}

/// An errno without its number.
pub(crate) fn in_words(errno: Errno) -> String {
    let text = errno.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    words.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_name_and_a_fresh_proc_can_be_spared() {
        for act in Act::ALL {
            let namespaces = Namespaces::Refusing(vec![(act, Errno::PERM)]);
            let spared = matches!(act, Act::Hostname | Act::Proc);
            assert_eq!(namespaces.are_usable(), spared, "{act}");
            assert!(!namespaces.allow(act) && !namespaces.allow_all());
            assert_eq!(namespaces.refusal(act), Some(Errno::PERM));
        }
        assert!(Namespaces::Refusing(vec![]).allow_all());
        assert!(Namespaces::UNTRIED.are_usable() && !Namespaces::Off.are_usable());
    }

    #[test]
    fn what_is_learnt_is_news_once_and_stays_in_order() {
        let proc = Namespaces::UNTRIED.refusing(Act::Proc, Errno::PERM).unwrap();
        assert_eq!(proc.refusing(Act::Proc, Errno::ACCESS), None);
        let both = proc.refusing(Act::Create, Errno::NOSPC).unwrap();
        let expected = vec![(Act::Create, Errno::NOSPC), (Act::Proc, Errno::PERM)];
        assert_eq!(both, Namespaces::Refusing(expected));
        assert_eq!(Namespaces::Off.refusing(Act::Create, Errno::PERM), None);
    }

    #[test]
    fn the_cause_is_what_cannot_be_spared() {
        let refused = [Act::Hostname, Act::Mount, Act::Proc].map(|act| (act, Errno::PERM));
        let cause = Namespaces::Refusing(refused.to_vec()).cause().unwrap();
        assert!(cause.contains("mount file systems"), "{cause}");
    }
}
