//! Which links a payload is left with, and what is refused.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::payload::PrivateTree;

fn fixture() -> (tempfile::TempDir, PathBuf, Payload) {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().canonicalize().unwrap();
    for name in ["pkg/own", "deps", "victim"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    let payload = Payload::command(vec!["true".into()], root.join("pkg"), vec![]).unwrap();
    (place, root, payload)
}

#[test]
fn every_path_is_known_by_what_it_stands_for() {
    let (_place, root, mut payload) = fixture();
    payload.grant_named(root.join("deps"), false).unwrap();
    payload.grant_named(root.join("pkg/../pkg/own"), true).unwrap();
    let _held = payload.settle().unwrap();
    let paths: Vec<_> = payload.grants.iter().map(|grant| grant.path.clone()).collect();
    assert_eq!(paths, [root.join("deps"), root.join("pkg/own")]);
    assert!(payload.grants.iter().all(|grant| grant.identity.is_some() && grant.directory));
    assert!(payload.trees[0].identity.is_some());
    assert!(payload.links.is_empty(), "{:?}", payload.links);
    // A second time nothing changes.
    let settled = payload.clone();
    let _again = payload.settle().unwrap();
    assert_eq!(payload, settled);
}

#[test]
fn a_link_of_the_callers_own_becomes_one_of_the_builds() {
    let (_place, root, mut payload) = fixture();
    symlink("deps", root.join("alias")).unwrap();
    payload.grant_named(root.join("alias"), false).unwrap();
    let _held = payload.settle().unwrap();
    assert_eq!(payload.grants[0].path, root.join("deps"));
    assert_eq!(payload.links, [(root.join("alias"), root.join("deps"))]);
}

#[test]
fn no_link_is_made_over_what_the_build_has() {
    let (_place, root, mut payload) = fixture();
    let to = root.join("deps");
    let own = ["/tmp", "/home", "/", "/etc", "/etc/alternatives/x", "/usr/lib/x", "/proc/x"];
    payload.links.extend(own.map(|at| (at.into(), to.clone())));
    payload.links.push((root.clone(), to.clone()));
    payload.links.push((root.join("pkg/own/x"), to.clone()));
    payload.links.push(("/srv/../x".into(), to.clone()));
    payload.links.push(("/srv/x".into(), to.clone()));
    payload.links.push(("/srv/x/below".into(), to.clone()));
    let _held = payload.settle().unwrap();
    assert_eq!(payload.links, [(PathBuf::from("/srv/x"), to)]);
}

#[test]
fn a_path_behind_a_link_that_a_build_may_have_made_is_refused() {
    let (_place, root, mut payload) = fixture();
    symlink("../victim", root.join("pkg/link")).unwrap();
    symlink("../victim", root.join("deps/link")).unwrap();
    let refused = |payload: &Payload| payload.clone().settle().map(drop).unwrap_err().to_string();
    payload.grant_named(root.join("pkg/link"), false).unwrap();
    assert!(refused(&payload).contains("symbolic link"));
    payload.grants.clear();
    // In what is granted to be written as well, and in an environment.
    payload.grant_named(root.join("deps/link"), false).unwrap();
    assert!(payload.clone().settle().is_ok());
    payload.grant_named(root.join("deps"), true).unwrap();
    assert!(refused(&payload).contains("symbolic link"));
    payload.grants.pop();
    payload.suspects.push(root.join("deps"));
    assert!(refused(&payload).contains("symbolic link"));
    payload.grants.clear();
    payload.trees.push(PrivateTree::new(root.join("deps/link"), Purpose::Output));
    assert!(refused(&payload).contains("output directory"));
}

#[test]
fn what_was_exchanged_since_it_was_looked_at_is_refused() {
    let (_place, root, mut payload) = fixture();
    payload.grant_named(root.join("deps"), false).unwrap();
    let held = payload.settle().unwrap();
    fs::rename(root.join("deps"), root.join("elsewhere")).unwrap();
    symlink("victim", root.join("deps")).unwrap();
    let error = payload.settle().map(drop).unwrap_err();
    assert!(matches!(error, PayloadError::Exchanged { .. }), "{error}");
    drop(held);
}
