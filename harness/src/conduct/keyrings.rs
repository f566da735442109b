//! The keyrings of the users that labs have: of each there is one on the machine, whoever is that
//! user, so a trial must leave none of its keys there.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

use rustix::process::Uid;
use rustix::thread::set_thread_res_uid;
use sandbox::sys::keyring::{UserKeyring, keys_of_user, unlink_from_user};

use super::on_fresh_thread;
use crate::lab::profile::Profile;

/// The keys of each user, by serial number.
#[derive(Debug, Default)]
pub(super) struct Keyrings(BTreeMap<u32, BTreeSet<i32>>);

impl Keyrings {
    /// Looks at all of them.
    pub(super) fn look() -> Self {
        let users: BTreeSet<u32> = Profile::ALL.iter().map(|(it, _)| it.caller()).collect();
        Self(users.into_iter().map(|uid| (uid, as_user(uid, keys))).collect())
    }

    /// Removes what came since then, and tells it.
    pub(super) fn clear(&self) -> Vec<String> {
        let told = self.0.iter().filter_map(|(uid, before)| {
            let came = as_user(*uid, || {
                let came: BTreeSet<i32> = keys().difference(before).copied().collect();
                for key in &came {
                    for keyring in [UserKeyring::User, UserKeyring::Session] {
                        // It is in one of them.
                        let _other = unlink_from_user(*key, keyring);
                    }
                }
                came
            });
            let count = came.len();
            (count > 0).then(|| {
                format!("{count} keys came into the keyrings of uid {uid}; they were unlinked")
            })
        });
        told.collect()
    }
}

/// The keys in both keyrings of the calling thread's user; the one is in the other, and counts not.
fn keys() -> BTreeSet<i32> {
    let [user, session] = [UserKeyring::User, UserKeyring::Session]
        .map(|keyring| keys_of_user(keyring).unwrap_or_default());
    let links = session.len().min(1);
    // The first link of a user's session keyring is the user's keyring.
    user.into_iter().chain(session.into_iter().skip(links)).collect()
}

/// What `work` finds as this user. Nothing where nobody can become him.
fn as_user<T: Default + Send>(uid: u32, work: impl FnOnce() -> T + Send) -> T {
    let found = on_fresh_thread("keyrings", || {
        let uid = Some(Uid::from_raw(uid));
        set_thread_res_uid(uid, uid, uid).ok().map(|()| work())
    });
    found.ok().flatten().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_came_is_unlinked_and_told_once() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let before = Keyrings::look();
        let uid = Profile::Runner.caller();
        let added =
            as_user(uid, || sandbox::sys::keyring::add_key_of_user(c"of-a-test", b"x").ok());
        if added.is_none() {
            // This kernel has no keyrings.
            return;
        }
        let told = before.clear();
        assert_eq!(
            told,
            [format!("1 keys came into the keyrings of uid {uid}; they were unlinked")]
        );
        assert_eq!(before.clear(), Vec::<String>::new());
    }
}
