//! What PATH and variables bring along, as images, installers and users lay tools out.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use std::path::PathBuf;

use super::*;
use crate::policy::environment::EnvironmentPolicy;
use crate::tools::{Homes, prefix};

struct Fixture {
    _tree: tempfile::TempDir,
    root: PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path().canonicalize().unwrap();
        for directory in ["me/pkg", "me/bin"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        Self { _tree: tree, root }
    }

    fn program(&self, path: &str) -> &Self {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"\x7fELF").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// The payload of a caller with this PATH and these variables, after the search.
    fn searched(&self, path: &[&str], variables: &[(&str, &str)]) -> (Payload, Vec<Withheld>) {
        let entries = path.iter().map(|entry| self.root.join(entry));
        // Without the system's, whose links differ from machine to machine.
        let path = std::env::join_paths(entries).unwrap();
        let mut environment =
            vec![("PATH".into(), path), ("HOME".into(), self.root.join("me").into())];
        let absolute = |value: &str| value.replace("ROOT", self.root.to_str().unwrap());
        let variables = variables.iter();
        environment.extend(variables.map(|(name, value)| (name.into(), absolute(value).into())));
        let directory = self.root.join("me/pkg");
        let mut payload = Payload::command(vec!["x".into()], directory, environment).unwrap();
        let lookup = Lookup::of(&payload);
        let withheld = search(&mut payload, &EnvironmentPolicy::default(), &lookup);
        (payload, withheld)
    }

    /// What is granted, below the root of the fixture.
    fn granted(&self, payload: &Payload) -> Vec<String> {
        let paths = payload.grants.iter().map(|grant| &grant.path);
        let mut names: Vec<_> = paths
            .map(|path| path.strip_prefix(&self.root).unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn a_directory_that_is_no_tool_chain_grants_nothing() {
    let fixture = Fixture::new();
    fixture.program("me/bin/tool").program("me/.local/bin/tool").program("elsewhere/bin/tool");
    let path = ["me/bin", "me/.local/bin", "elsewhere/bin", "nowhere", "me/pkg/bin"];
    let (payload, _) = fixture.searched(&path, &[]);
    assert!(payload.grants.is_empty(), "{:?}", payload.grants);
}

#[test]
fn an_activated_environment_is_granted_as_its_interpreter_would_be() {
    let fixture = Fixture::new();
    let env = fixture.root.join("env");
    fs::create_dir_all(env.join("bin")).unwrap();
    fs::create_dir_all(env.join("lib/python3.12/site-packages")).unwrap();
    fs::write(env.join("pyvenv.cfg"), "home = /usr/bin\n").unwrap();
    if Path::new("/usr/bin/python3").exists() {
        symlink("/usr/bin/python3", env.join("bin/python3")).unwrap();
    }
    let (payload, withheld) = fixture.searched(&["env/bin"], &[]);
    assert_eq!(fixture.granted(&payload), ["env/bin", "env/lib", "env/pyvenv.cfg"]);
    assert!(payload.suspects.contains(&env) && withheld.is_empty(), "{withheld:?}");
    // What its configuration says of another place grants nothing, and that is told.
    fs::write(env.join("pyvenv.cfg"), "home = /root/other/bin\n").unwrap();
    let (payload, withheld) = fixture.searched(&["env/bin"], &[]);
    assert!(payload.grants.is_empty() && withheld.len() == 1, "{:?} {withheld:?}", payload.grants);
}

#[test]
fn an_environment_in_the_tree_needs_no_grant() {
    let fixture = Fixture::new();
    let env = fixture.root.join("me/pkg/.venv");
    fs::create_dir_all(env.join("bin")).unwrap();
    fs::write(env.join("pyvenv.cfg"), "home = /usr/bin\n").unwrap();
    let (payload, withheld) = fixture.searched(&["me/pkg/.venv/bin"], &[]);
    assert!(payload.grants.is_empty() && withheld.is_empty(), "{:?}", payload.grants);
}

#[test]
fn the_tool_chains_of_rustup_are_found_from_another_home() {
    let fixture = Fixture::new();
    fixture.program("me/.cargo/bin/cargo");
    fs::create_dir_all(fixture.root.join("me/.rustup/toolchains")).unwrap();
    fs::create_dir_all(fixture.root.join("me/.rustup/update-hashes")).unwrap();
    fs::write(fixture.root.join("me/.cargo/credentials.toml"), "").unwrap();
    let (payload, _) = fixture.searched(&["me/.cargo/bin"], &[]);
    let wanted = ["me/.cargo/bin", "me/.rustup/toolchains", "me/.rustup/update-hashes"];
    assert_eq!(fixture.granted(&payload), wanted);
    let rustup = fixture.root.join("me/.rustup");
    assert_eq!(payload.variable("RUSTUP_HOME"), Some(rustup.as_os_str()));
    // By the variables, where these name other places.
    fixture.program("tools/cargo/bin/cargo");
    fs::create_dir_all(fixture.root.join("tools/rustup/toolchains")).unwrap();
    let variables = [("CARGO_HOME", "ROOT/tools/cargo"), ("RUSTUP_HOME", "ROOT/tools/rustup")];
    let (payload, _) = fixture.searched(&["tools/cargo/bin"], &variables);
    assert_eq!(fixture.granted(&payload), ["tools/cargo/bin", "tools/rustup/toolchains"]);
}

#[test]
fn pyenv_is_granted_with_what_the_caller_has_chosen_of_it() {
    let fixture = Fixture::new();
    fixture.program("me/.pyenv/shims/python3").program("me/.pyenv/libexec/pyenv");
    for version in ["3.11.2", "3.12.1"] {
        let prefix = format!("me/.pyenv/versions/{version}");
        let library = format!("{prefix}/lib/python{}", &version[..4]);
        fixture.program(&format!("{prefix}/bin/python")).program(&format!("{library}/os.py"));
    }
    let own = ["me/.pyenv/libexec", "me/.pyenv/shims"].map(str::to_owned);
    let with = |version: &str| {
        let prefix = format!("me/.pyenv/versions/{version}");
        let library = format!("{prefix}/lib/python{}", &version[..4]);
        [own.to_vec(), vec![format!("{prefix}/bin"), library]].concat()
    };
    let shims = ["me/.pyenv/shims"];
    let (payload, _) = fixture.searched(&shims, &[]);
    assert_eq!(fixture.granted(&payload), own);
    let (payload, _) = fixture.searched(&shims, &[("PYENV_VERSION", "3.12")]);
    assert_eq!(fixture.granted(&payload), with("3.12.1"));
    // A source tree chooses nothing, and that is told.
    fs::write(fixture.root.join("me/pkg/.python-version"), "3.11.2\n").unwrap();
    let (payload, withheld) = fixture.searched(&shims, &[("PYENV_VERSION", "3.12.1")]);
    assert_eq!(fixture.granted(&payload), with("3.12.1"));
    assert!(withheld.iter().any(|it| it.path.ends_with("versions/3.11.2")), "{withheld:?}");
    let version = fixture.root.join("me/.pyenv/version");
    fs::write(&version, "3.11.2\n").unwrap();
    let (payload, withheld) = fixture.searched(&shims, &[]);
    let expected = [with("3.11.2"), vec!["me/.pyenv/version".to_owned()]].concat();
    let mut granted = fixture.granted(&payload);
    granted.sort_by_key(|path| expected.iter().position(|known| known == path));
    assert_eq!(granted, expected);
    assert!(withheld.is_empty(), "{withheld:?}");
    let (payload, _) = fixture.searched(&["me/.pyenv/plugins"], &[]);
    assert!(payload.grants.is_empty());
}

#[test]
fn a_prefix_of_condas_is_granted_where_it_is_activated() {
    let fixture = Fixture::new();
    fixture.program("me/conda/bin/cc").program("me/conda/libexec/cc1").program("me/conda/.condarc");
    for directory in ["conda-meta", "envs/other", "pkgs"] {
        fs::create_dir_all(fixture.root.join("me/conda").join(directory)).unwrap();
    }
    let (payload, _) = fixture.searched(&["me/conda/bin"], &[]);
    assert!(payload.grants.is_empty(), "{:?}", payload.grants);
    let (payload, _) = fixture.searched(&["me/conda/bin"], &[("CONDA_PREFIX", "ROOT/me/conda")]);
    let parts = ["me/conda/bin", "me/conda/conda-meta", "me/conda/libexec"];
    assert_eq!(fixture.granted(&payload), parts);
    // A home is no prefix, whatever a variable says.
    let (payload, _) = fixture.searched(&["me/bin"], &[("CONDA_PREFIX", "ROOT/me")]);
    assert!(payload.grants.is_empty(), "{:?}", payload.grants);
}

/// As where a project's settings say `CARGO_HOME=$PWD/.cargo`.
#[test]
fn no_link_of_the_tree_says_where_a_managers_directory_lies() {
    let fixture = Fixture::new();
    fixture.program("me/private/bin/key").program("me/private/bin/python3");
    for part in ["private/toolchains", "private/conda-meta", "pkg/.cargo", "pkg/.rustup"] {
        fs::create_dir_all(fixture.root.join("me").join(part)).unwrap();
    }
    let link = |at: &str, to: &str| {
        symlink(fixture.root.join(to), fixture.root.join("me/pkg").join(at)).unwrap();
    };
    link(".cargo/bin", "me/private/bin");
    link(".rustup/toolchains", "me/private/toolchains");
    link("conda", "me/private");
    for (entry, name, place) in [
        ("me/pkg/.cargo/bin", "CARGO_HOME", "ROOT/me/pkg/.cargo"),
        ("me/.cargo/bin", "RUSTUP_HOME", "ROOT/me/pkg/.rustup"),
        ("me/pkg/conda/bin", "CONDA_PREFIX", "ROOT/me/pkg/conda"),
        ("me/private/bin", "CONDA_PREFIX", "ROOT/me/pkg/conda"),
    ] {
        let (payload, _) = fixture.searched(&[entry], &[(name, place)]);
        assert!(payload.grants.is_empty(), "{name}: {:?}", payload.grants);
    }
    let private = [("CONDA_PREFIX", "ROOT/me/private")];
    let (payload, _) = fixture.searched(&["me/private/bin"], &private);
    assert_eq!(fixture.granted(&payload).len(), 3, "the control: {:?}", payload.grants);
}

#[test]
fn a_link_that_a_build_may_have_made_leads_to_no_tool_chain() {
    let fixture = Fixture::new();
    fixture.program("me/.pyenv/shims/python3").program("me/.pyenv/libexec/pyenv");
    symlink("../.pyenv/shims", fixture.root.join("me/pkg/bin")).unwrap();
    let (payload, withheld) = fixture.searched(&["me/pkg/bin"], &[]);
    assert!(payload.grants.is_empty(), "{:?}", payload.grants);
    assert!(withheld[0].why.contains("symbolic link"), "{withheld:?}");
    symlink(".pyenv/shims", fixture.root.join("me/shims")).unwrap();
    let (payload, _) = fixture.searched(&["me/shims"], &[]);
    let parts = ["me/.pyenv/libexec", "me/.pyenv/shims"];
    assert_eq!(fixture.granted(&payload), parts, "the caller's own does");
    assert!(
        payload
            .links
            .contains(&(fixture.root.join("me/shims"), fixture.root.join("me/.pyenv/shims")))
    );
}

#[test]
fn a_tool_chain_that_holds_a_home_or_the_tree_is_granted_in_parts() {
    let fixture = Fixture::new();
    fixture.program("app/bin/tool").program("app/libexec/x").program("app/etc/y");
    fs::create_dir_all(fixture.root.join("app/src/pkg")).unwrap();
    fs::create_dir_all(fixture.root.join("app/private")).unwrap();
    let parts = |homes: &Homes| {
        let found = prefix::tool_chain(&fixture.root.join("app"), homes);
        found.shares.into_iter().map(|share| share.path).collect::<Vec<_>>()
    };
    assert_eq!(parts(&Homes::default()), [fixture.root.join("app")]);
    let within = Homes::of_test(&[fixture.root.join("app/src")]);
    let expected = ["app/bin", "app/libexec", "app/etc"].map(|part| fixture.root.join(part));
    assert_eq!(parts(&within), expected);
    let deeper = Homes::of_test(&[fixture.root.join("app/etc/home")]);
    assert_eq!(parts(&deeper), expected[..2], "also of a part");
}

/// Below `/opt`, where these are granted without a word more of the caller's.
#[test]
fn environments_that_lie_side_by_side_in_a_tool_chains_place_are_granted_one_by_one() {
    let Ok(place) = tempfile::Builder::new().prefix("bulkhead-test-").tempdir_in("/opt") else {
        eprintln!("skipped: nothing can be made in /opt");
        return;
    };
    let root = place.path().canonicalize().unwrap();
    let granted = |entry: &Path| {
        let found = in_known_place(entry, &Homes::default(), &[]).unwrap();
        found.shares.into_iter().map(|share| share.path).collect::<Vec<_>>()
    };
    assert_eq!(granted(&root.join("a/bin")), [&*root], "a tool chain");
    for name in ["a", "b"] {
        fs::create_dir_all(root.join(name).join("bin")).unwrap();
        fs::write(root.join(name).join("pyvenv.cfg"), "home = /usr/bin\n").unwrap();
    }
    let own = ["a/bin", "a/pyvenv.cfg"].map(|part| root.join(part));
    assert_eq!(granted(&root.join("a/bin")), own);
    assert_eq!(granted(&root.join("a")), own, "also as a variable names it");
    // A prefix of conda's with environments in it.
    for directory in
        ["conda/conda-meta", "conda/bin", "conda/envs/x/conda-meta", "conda/envs/x/bin"]
    {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    let mut parts = granted(&root.join("conda/bin"));
    parts.sort();
    assert_eq!(parts, ["conda/bin", "conda/conda-meta"].map(|part| root.join(part)));
    let mut parts = granted(&root.join("conda/envs/x/bin"));
    parts.sort();
    assert_eq!(parts, ["bin", "conda-meta"].map(|part| root.join("conda/envs/x").join(part)));
}

/// Each mark, and both in each order, leaves no more than is granted without it.
#[test]
fn what_marks_a_place_only_ever_makes_the_grant_smaller() {
    let Ok(place) = tempfile::Builder::new().prefix("bulkhead-test-").tempdir_in("/opt") else {
        eprintln!("skipped: nothing can be made in /opt");
        return;
    };
    let root = place.path().canonicalize().unwrap();
    for directory in ["bin", "lib", "var", "env/bin", "env/lib", "env/var", "env/sub/bin", "env/me"]
    {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    let grants = |entry: &str, homes: &Homes, activated: &[PathBuf]| {
        let found = in_known_place(&root.join(entry), homes, activated).unwrap();
        found.shares.into_iter().map(|share| share.path).collect::<Vec<_>>()
    };
    let marks = ["conda-meta", "env/conda-meta", "env/sub/conda-meta", "env/bin/conda-meta"];
    let entries = ["bin", "env/bin", "env/sub/bin"];
    for homes in [Homes::default(), Homes::of_test(&[root.join("env/me")])] {
        for environment in [false, true] {
            let settings = root.join("env/pyvenv.cfg");
            let _ = fs::remove_file(&settings);
            if environment {
                fs::write(&settings, "home = /usr/bin\n").unwrap();
            }
            let before = entries.map(|entry| grants(entry, &homes, &[]));
            for marked in 1_u32..16 {
                let chosen = marks.iter().enumerate().filter(|(at, _)| marked >> at & 1 == 1);
                let chosen: Vec<_> = chosen.map(|(_, mark)| root.join(mark)).collect();
                for mark in &chosen {
                    fs::create_dir_all(mark).unwrap();
                }
                for (entry, before) in entries.iter().zip(&before) {
                    for path in grants(entry, &homes, &[]) {
                        let less = before.iter().any(|known| path.starts_with(known));
                        assert!(less, "{entry} {environment} {chosen:?}: {path:?}, {before:?}");
                    }
                }
                for mark in &chosen {
                    fs::remove_dir(mark).unwrap();
                }
            }
        }
    }
    // The caller's own word is enough.
    let activated = [root.join("env")];
    assert!(grants("env/bin", &Homes::default(), &activated).contains(&root.join("env/var")));
}
