//! The sandboxes and hosts of a run: what is wanted, found in the workspace.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sandbox::{Level, UnknownWord};

use super::failure::Failure;
use super::wanted::{HOST, Host, OWN, Wanted};
use super::workspace::Workspace;
use crate::catalogue::Catalogue;
use crate::lab::profile::Profile;
use crate::recipe::Recipe;
use crate::schedule::{Contender, Sandbox};
use crate::target::{command, own};

/// The sandboxes that are wanted: those of the command line, else those that `harness.toml` names,
/// else those that it describes.
pub(super) fn chosen(wanted: &[Wanted], workspace: &Workspace) -> Vec<Wanted> {
    match workspace.settings() {
        Some(settings) if wanted.is_empty() && settings.target.is_empty() => {
            settings.sandboxes.iter().map(|sandbox| Wanted::whole(&sandbox.name)).collect()
        }
        Some(settings) if wanted.is_empty() => settings.target.clone(),
        _ => wanted.to_vec(),
    }
}

/// The hosts that are wanted: those of the command line, else those of `harness.toml`.
fn chosen_hosts(hosts: &[Host], workspace: &Workspace) -> Vec<Host> {
    match workspace.settings() {
        Some(settings) if hosts.is_empty() => settings.host.clone(),
        _ => hosts.to_vec(),
    }
}

/// The hosts of a run of what nobody has read: those that were named, or the nearest to the default.
pub(super) fn boundaries(hosts: &[Host]) -> Result<Vec<Host>, Failure> {
    const NEAREST: &str = "user";
    match hosts.iter().find(|host| !Profile::of(host.0).is_boundary()) {
        Some(host) => {
            Err(Failure::Untrusted(format!("root of the host `{}` is real root", host.0)))
        }
        None if hosts.is_empty() => Ok(vec![Host(NEAREST)]),
        None => Ok(hosts.to_vec()),
    }
}

/// Refuses sandboxes that are commands of somebody's, because they are asked for their version
/// outside of any lab.
pub(super) fn ours_alone(wanted: &[Wanted]) -> Result<(), Failure> {
    match wanted.iter().find(|one| one.target != OWN) {
        Some(other) => {
            let target = &other.target;
            Err(Failure::Untrusted(format!("the target `{target}` is a command from the checkout")))
        }
        None => Ok(()),
    }
}

/// The contenders that are wanted, on every host that is; all levels of `own` on the host `root`
/// when nothing is said.
pub(super) fn contenders(
    wanted: &[Wanted],
    hosts: &[Host],
    workspace: &Workspace,
) -> Result<Vec<Contender>, Failure> {
    let (wanted, hosts) = (&chosen(wanted, workspace), &chosen_hosts(hosts, workspace));
    let folders = workspace.targets()?;
    let known: Vec<_> = [OWN].into_iter().chain(folders.iter().map(String::as_str)).collect();
    let mut names: Vec<&str> = Vec::new();
    for one in wanted {
        if !known.contains(&one.target.as_str()) {
            return Err(UnknownWord::new("target", &one.target, &known).into());
        }
        if !names.contains(&one.target.as_str()) {
            names.push(&one.target);
        }
    }
    if names.is_empty() {
        names.push(OWN);
    }
    let mut hosts: Vec<_> = hosts.iter().map(|host| host.0).collect();
    hosts.sort_unstable();
    hosts.dedup();
    if hosts.is_empty() {
        hosts.push(HOST);
    }
    let contender = |name: &str, host: &str| {
        let levels = wanted.iter().filter(|one| one.target == name).map(|one| one.level.as_deref());
        if name == OWN { ours(host, levels) } else { rival(name, host, levels, workspace) }
    };
    let all = hosts.into_iter().flat_map(|host| names.iter().map(move |name| (*name, host)));
    all.map(|(name, host)| contender(name, host)).collect()
}

fn ours<'a>(
    host: &str,
    wanted: impl Iterator<Item = Option<&'a str>>,
) -> Result<Contender, Failure> {
    let mut levels = BTreeSet::new();
    for level in wanted {
        match level {
            None => levels.extend(Level::ALL),
            Some(word) => drop(levels.insert(word.parse()?)),
        }
    }
    if levels.is_empty() {
        levels.extend(Level::ALL);
    }
    Ok(Contender {
        name: OWN.to_owned(),
        host: host.to_owned(),
        levels,
        layers: own::layers(host),
        sandbox: Sandbox::OWN,
    })
}

/// The sandboxes that have to show the controls of some attacks, with what this machine says of
/// them.
///
/// Those of an untrusted run are not asked, and not started.
pub(super) fn controls(
    catalogue: &Catalogue,
    workspace: &Workspace,
    untrusted: bool,
) -> Result<BTreeMap<String, Arc<Recipe>>, Failure> {
    let folders = workspace.targets()?;
    let known: Vec<_> = folders.iter().map(String::as_str).collect();
    let named: BTreeSet<_> =
        catalogue.entries().filter_map(|attack| attack.run.control.as_deref()).collect();
    let mut recipes = BTreeMap::new();
    for name in named {
        if !known.contains(&name) {
            return Err(UnknownWord::new("target as a control", name, &known).into());
        }
        let recipe = workspace.recipe(name)?;
        let lacking = || Some("an untrusted run starts no sandbox but our own".to_owned());
        let recipe = if untrusted {
            Recipe { lacking: lacking(), ..recipe }
        } else {
            command::examined(recipe)
        };
        recipes.insert(name.to_owned(), Arc::new(recipe));
    }
    Ok(recipes)
}

/// A sandbox that is a command, with what this machine says of it.
fn rival<'a>(
    name: &str,
    host: &str,
    mut wanted: impl Iterator<Item = Option<&'a str>>,
    workspace: &Workspace,
) -> Result<Contender, Failure> {
    let recipe = command::examined(workspace.recipe(name)?);
    let level = recipe.level.name();
    if let Some(other) = wanted.find_map(|one| one.filter(|word| *word != level)) {
        return Err(UnknownWord::new("level of that target", other, &[level]).into());
    }
    Ok(Contender {
        name: name.to_owned(),
        host: host.to_owned(),
        levels: BTreeSet::from([recipe.level]),
        layers: own::layers(host),
        sandbox: Sandbox::Command(Arc::new(recipe)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Places;

    fn chosen(wanted: &[&str]) -> Result<Vec<Contender>, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("harness/targets/box");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::create_dir(dir.path().join("attacks")).unwrap();
        let text = "name = \"box\"\ntitle = \"A box\"\nsource = \"https://box.invalid\"\n\
                    layers = [\"network\"]\nargv = [\"box\", \"{argv}\"]\n";
        std::fs::write(folder.join("target.toml"), text).unwrap();
        let wanted: Vec<_> = wanted.iter().map(|text| text.parse().unwrap()).collect();
        contenders(&wanted, &[], &Workspace::around(dir.path(), &Places::default()).unwrap())
    }

    fn levels(wanted: &[&str]) -> Vec<Level> {
        chosen(wanted).unwrap().remove(0).levels.into_iter().collect()
    }

    #[test]
    fn levels_are_gathered_and_all_of_them_is_the_default() {
        assert_eq!(levels(&["own@full", "own@network", "own@full"]), [Level::Network, Level::Full]);
        assert_eq!(levels(&["own"]), Level::ALL);
        assert_eq!(levels(&[]), Level::ALL);
    }

    #[test]
    fn every_host_is_a_contest_of_its_own() {
        let hosts: Vec<_> = ["user", "root", "user"].map(|text| text.parse().unwrap()).to_vec();
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("attacks")).unwrap();
        let contenders =
            contenders(&[], &hosts, &Workspace::around(dir.path(), &Places::default()).unwrap())
                .unwrap();
        let found: Vec<_> = contenders.iter().map(|one| one.host.as_str()).collect();
        assert_eq!(found, ["root", "user"]);
        assert!("usr".parse::<Host>().unwrap_err().to_string().contains("`user`"));
    }

    #[test]
    fn what_nobody_has_read_is_tried_where_nothing_can_become_root() {
        let hosts = |names: &[&str]| -> Vec<Host> {
            names.iter().map(|name| name.parse().unwrap()).collect()
        };
        assert_eq!(boundaries(&[]).unwrap(), hosts(&["user"]));
        let able = ["user", "ubuntu", "kubernetes", "podman-rootless", "pod-userns"];
        assert_eq!(boundaries(&hosts(&able)).unwrap(), hosts(&able));
        for name in ["root", "docker", "docker-unconfined", "runner"] {
            let told = boundaries(&hosts(&["user", name])).unwrap_err().to_string();
            assert!(told.contains(name), "{told}");
        }
        assert_eq!(able.len() + 4, Profile::ALL.len());
        assert!(ours_alone(&["own@full".parse().unwrap()]).is_ok());
        assert!(ours_alone(&["box".parse().unwrap()]).is_err());
    }

    #[test]
    fn several_targets_can_be_named() {
        let names: Vec<_> =
            chosen(&["own@full", "box"]).unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["own", "box"]);
        assert_eq!(levels(&["box@full"]), [Level::Full]);
    }

    #[test]
    fn an_unknown_target_or_level_is_answered_with_the_nearest() {
        let told = |wanted| chosen(&[wanted]).unwrap_err().to_string();
        assert_eq!(told("owm"), "unknown target `owm`, did you mean `own`?; known: own box");
        assert!(told("own@ful").contains("did you mean `full`?"));
        assert!(told("box@network").contains("unknown level of that target `network`"));
    }
}
