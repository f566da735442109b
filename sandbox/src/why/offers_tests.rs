//! Tests of `offers`.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use rstest::rstest;

use super::*;
use crate::payload::Payload;
use crate::why::host;

/// A host with a home at `var/home/me`, and `home` as a link to `var/home`.
struct Host {
    place: tempfile::TempDir,
    offers: Offers,
}

const FILES: [&str; 13] = [
    "var/home/me/notes.txt",
    "var/home/me/.ssh/id_rsa",
    "var/home/me/lib/a.h",
    "var/home/you.txt",
    "data/plain/a.txt",
    "data/plain/deep/b.txt",
    "data/beside/a.txt",
    "data/beside/id_ed25519",
    "data/bin/keyring",
    "data/bin/tool",
    "data/it `is`/a.txt",
    "data/it's/a.txt",
    "data/a b/a.txt",
];

impl Host {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        for file in FILES {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "").unwrap();
        }
        symlink(root.join("var/home"), root.join("home")).unwrap();
        symlink(root.join("var/home/me"), root.join("data/mine")).unwrap();
        symlink(root.join("data/beside"), root.join("data/harmless")).unwrap();
        symlink(root.join("data/beside/id_ed25519"), root.join("data/plain-file")).unwrap();
        symlink(root.join("data/plain"), root.join("data/linked")).unwrap();
        let variables = vec![
            ("HOME".into(), root.join("home/me").into()),
            ("PATH".into(), root.join("data/tools").into()),
        ];
        std::fs::create_dir_all(root.join("data/tools/sub")).unwrap();
        let argv = vec!["x".into()];
        let payload = Payload::command(argv, "/work/pkg".into(), variables).unwrap();
        let path: Vec<_> = payload.search_path().collect();
        Self { place, offers: Offers::new(Homes::of(&payload), &path) }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().canonicalize().unwrap().join(name)
    }

    /// What is proposed, by its path from the root of this host.
    fn told(&self, offer: Result<PathBuf, Withheld>) -> Result<String, Withheld> {
        let root = self.at("");
        offer.map(|path| path.strip_prefix(&root).unwrap_or(&path).display().to_string())
    }

    fn reading(&self, name: &str) -> Result<String, Withheld> {
        let path = self.at(name);
        let found = host::found(&path).unwrap();
        self.told(self.offers.reading(&path, found, false))
    }

    fn writing(&self, name: &str) -> Result<String, Withheld> {
        let path = self.at(name);
        self.told(self.offers.writing(&path.join("x"), &path))
    }
}

#[rstest]
#[case("data/plain/a.txt", Ok("data/plain"))]
#[case("data/plain", Ok("data/plain"))]
#[case("data/linked/a.txt", Ok("data/linked"))]
#[case("data/a b/a.txt", Ok("data/a b"))]
#[case("data/bin/tool", Ok("data/bin"))]
#[case("var/home/me/lib/a.h", Ok("var/home/me/lib"))]
#[case("home/me/lib/a.h", Ok("home/me/lib"))]
#[case("data/bin/keyring", Err(Withheld::Secret))]
#[case("data/beside/a.txt", Err(Withheld::Beside))]
#[case("data/beside", Err(Withheld::Beside))]
#[case("data/harmless/a.txt", Err(Withheld::Beside))]
#[case("data/harmless", Err(Withheld::Beside))]
#[case("data/beside/id_ed25519", Err(Withheld::Secret))]
#[case("data/plain-file", Err(Withheld::Secret))]
#[case("var/home/me", Err(Withheld::Wide))]
#[case("home/me", Err(Withheld::Wide))]
#[case("home", Err(Withheld::Wide))]
#[case("var", Err(Withheld::Wide))]
#[case("data/mine", Err(Withheld::Wide))]
#[case("home/me/notes.txt", Err(Withheld::Beside))]
#[case("data/mine/notes.txt", Err(Withheld::Beside))]
#[case("data/mine/.ssh/id_rsa", Err(Withheld::Secret))]
#[case("home/you.txt", Ok("home/you.txt"))]
#[case("data/it `is`/a.txt", Err(Withheld::Wide))]
#[case("data/it's/a.txt", Ok("data/it's"))]
fn nothing_is_proposed_for_reading_that_holds_a_home_or_a_secret_by_whatever_name(
    #[case] name: &str,
    #[case] expected: Result<&str, Withheld>,
) {
    assert_eq!(Host::new().reading(name), expected.map(str::to_owned));
}

#[rstest]
#[case("data/plain", Ok("data/plain"))]
#[case("data/linked", Ok("data/linked"))]
#[case("data/beside", Err(Withheld::Secret))]
#[case("data/harmless", Err(Withheld::Secret))]
#[case("data/bin", Err(Withheld::Wide))]
#[case("data/tools", Err(Withheld::Wide))]
#[case("data/tools/sub", Err(Withheld::Wide))]
#[case("data", Err(Withheld::Wide))]
#[case("var/home/me/lib", Err(Withheld::Wide))]
#[case("home/me/lib", Err(Withheld::Wide))]
#[case("data/mine/lib", Err(Withheld::Wide))]
#[case("home", Err(Withheld::Wide))]
#[case("none", Err(Withheld::Wide))]
fn nothing_is_proposed_for_writing_in_a_home_or_where_the_host_starts_programs(
    #[case] name: &str,
    #[case] expected: Result<&str, Withheld>,
) {
    assert_eq!(Host::new().writing(name), expected.map(str::to_owned));
}

#[rstest]
fn no_place_of_the_system_is_proposed_for_writing(
    #[values(
        "/etc/cron.d",
        "/etc/profile.d",
        "/etc/pam.d",
        "/etc/ssh",
        "/etc/init.d",
        "/etc/apt/sources.list.d",
        "/etc/systemd/system",
        "/usr/lib/systemd/system",
        "/usr/lib/python3/dist-packages",
        "/usr/share/bash-completion/completions",
        "/usr/local/bin",
        "/usr/local/lib",
        "/usr/bin",
        "/bin",
        "/lib/udev/rules.d",
        "/boot/grub",
        "/opt/acme/bin",
        "/var/spool/cron",
        "/var/lib/dpkg/info",
        "/root/x",
        "/run/systemd/system",
        "/proc/sys/kernel",
        "/sys/kernel",
        "/srv/repository/.git/hooks",
        "/srv/app/cron.daily",
        "/srv/app/.venv/lib",
        "/srv/app/systemd/units",
        "/srv/conf.d/x"
    )]
    path: &str,
) {
    let path = Path::new(path);
    let host = Host::new();
    assert!(host.offers.starts(path));
    assert!(host.offers.writing(&path.join("x"), path).is_err());
}

#[test]
fn of_a_file_that_is_closed_what_it_leads_to_is_named() {
    let host = Host::new();
    let opening = |name: &str| host.told(host.offers.opening(&host.at(name)));
    assert_eq!(opening("data/linked/a.txt"), Ok("data/plain/a.txt".to_owned()));
    assert_eq!(opening("data/plain-file"), Err(Withheld::Secret));
    assert_eq!(opening("home/me/notes.txt"), Err(Withheld::Wide));
}

#[test]
fn a_socket_is_never_granted_alone_and_none_of_the_systems() {
    let host = Host::new();
    let path = host.at("data/plain/x.sock");
    let _bound = UnixListener::bind(&path).unwrap();
    assert_eq!(host.reading("data/plain/x.sock"), Ok("data/plain".to_owned()));
    let path = host.at("home/me/x.sock");
    let _in_a_home = UnixListener::bind(&path).unwrap();
    assert_eq!(host.reading("home/me/x.sock"), Err(Withheld::Wide));
}

#[test]
fn a_directory_that_is_too_large_to_look_through_may_hold_anything() {
    let host = Host::new();
    let large = host.at("data/large");
    std::fs::create_dir(&large).unwrap();
    for number in 0..=MOST_NAMES {
        std::fs::write(large.join(number.to_string()), "").unwrap();
    }
    assert_eq!(host.reading("data/large/1"), Err(Withheld::Beside));
    assert_eq!(host.reading("data/plain/a.txt"), Ok("data/plain".to_owned()));
    *host.offers.names_left.borrow_mut() = 0;
    assert_eq!(host.reading("data/plain/deep/b.txt"), Err(Withheld::Beside));
}
