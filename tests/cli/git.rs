//! A checkout under git.

use std::process::Command;

use crate::checkout::Checkout;

/// Has git do something there.
pub(crate) fn git(checkout: &Checkout, args: &[&str]) {
    let mut command = Command::new("git");
    // Nothing of whoever runs the tests: no signing, no hooks, no other place of the repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(name);
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.args(["-c", "user.name=A", "-c", "user.email=a@invalid"]);
    let output = command.args(args).current_dir(checkout.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Commits everything.
pub(crate) fn commit(checkout: &Checkout, subject: &str) {
    git(checkout, &["add", "--all"]);
    git(checkout, &["commit", "-q", "--allow-empty", "-m", subject]);
}
