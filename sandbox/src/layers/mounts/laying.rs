//! The places of a new root: what is not mounted is made there, and what is gets something to be
//! mounted on.
//!
//! Most places lie in the root itself, where nobody else has been. Some lie below what is mounted
//! already: in the build's copy of its tree, or in a directory that the caller has granted for
//! writing. Others have been there, and a link of theirs would lead a mount, or a directory that is
//! made for one, out of the new root: into the host's, which is still in reach then. There no link is
//! followed, and a place that is one is an error.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    FileType, Mode, OFlags, ResolveFlags, mkdirat, mknodat, openat, openat2, symlinkat,
};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, move_mount};

use super::{Base, Entry, MountPlan, What};
use crate::sys::mount::make_tree_private;

/// Where an entry has its place.
enum Place {
    /// In the root, by this path.
    Own(PathBuf),
    /// Below what is mounted there, by this path.
    Shared(PathBuf),
}

/// Makes the entry itself, or the place that it is mounted on.
///
/// # Errors
/// LOOP where the place is a link, or beyond one, or the errno of the call that failed.
pub(super) fn lay(root: BorrowedFd<'_>, plan: &MountPlan, index: usize) -> Result<(), Errno> {
    let Some(entry) = plan.entries.get(index) else { return Err(Errno::BADF) };
    match place(plan, index, entry) {
        Place::Own(path) => lay_at(root, &path, entry),
        Place::Shared(path) => {
            let parent = directory(root, path.parent().unwrap_or(Path::new("")))?;
            lay_at(parent.as_fd(), Path::new(path.file_name().ok_or(Errno::INVAL)?), entry)
        }
    }
}

/// Puts `mount` on the place of its entry.
///
/// # Errors
/// As [`lay`].
pub(super) fn put(
    root: BorrowedFd<'_>,
    plan: &MountPlan,
    index: usize,
    mount: BorrowedFd<'_>,
) -> Result<(), Errno> {
    let Some(entry) = plan.entries.get(index) else { return Err(Errno::BADF) };
    let onto = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    match place(plan, index, entry) {
        Place::Own(path) => move_mount(mount, "", root, &path, onto),
        Place::Shared(path) => {
            // What is mounted on a clone of the host's would appear there, were the clone not private.
            // It was made so; that this took is not left to one call.
            make_tree_private(mount_around(root, plan, index)?)?;
            let place = openat2(root, &path, OFlags::PATH | OFlags::CLOEXEC, NONE, NO_LINKS)?;
            move_mount(mount, "", place, "", onto | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH)
        }
    }
}

/// The mount that the entry has its place in.
fn mount_around(root: BorrowedFd<'_>, plan: &MountPlan, index: usize) -> Result<OwnedFd, Errno> {
    let target = plan.entries.get(index).map(|entry| behind_own_links(plan, index, &entry.target));
    let target = target.ok_or(Errno::BADF)?;
    let earlier = plan.entries.iter().take(index).rev();
    let around =
        earlier.filter(|it| it.what.is_mounted() && is_strictly_below(&target, &it.target));
    let around = around.max_by_key(|it| it.target.as_os_str().len()).ok_or(Errno::BADF)?;
    let path = around.target.strip_prefix("/").unwrap_or(&around.target);
    openat2(root, path, OFlags::PATH | OFlags::CLOEXEC, NONE, NO_LINKS)
}

/// Whether the entry lies below an earlier one that is mounted or a link, and so has its place in
/// there.
pub(super) fn is_below_another(plan: &MountPlan, index: usize) -> bool {
    let Some(entry) = plan.entries.get(index) else { return false };
    let mut earlier = plan.entries.iter().take(index);
    earlier.any(|other| {
        let leads = other.what.is_mounted() || matches!(other.what, What::Link(_));
        leads && is_strictly_below(&entry.target, &other.target)
    })
}

/// Both are normal, so that their bytes tell: of a hundred entries each is held against all others.
fn is_strictly_below(path: &Path, other: &Path) -> bool {
    let (path, other) = (path.as_os_str().as_bytes(), other.as_os_str().as_bytes());
    let rest = path.strip_prefix(other.strip_suffix(b"/").unwrap_or(other));
    rest.is_some_and(|rest| rest.len() > 1 && rest.starts_with(b"/"))
}

fn place(plan: &MountPlan, index: usize, entry: &Entry) -> Place {
    let path = behind_own_links(plan, index, &entry.target);
    let mut earlier = plan.entries.iter().take(index);
    let shared =
        earlier.any(|other| other.what.is_mounted() && is_strictly_below(&path, &other.target));
    let path = path.strip_prefix("/").unwrap_or(&path).to_owned();
    if shared { Place::Shared(path) } else { Place::Own(path) }
}

/// The path without the links that the plan itself has put into the root, such as `/lib`.
fn behind_own_links(plan: &MountPlan, index: usize, path: &Path) -> PathBuf {
    /// One link may lead to another; a circle is the host's, and leads nowhere there either.
    const LINKS: usize = 8;
    let mut path = path.to_owned();
    if plan.base == Base::Host {
        return path;
    }
    for _ in 0..LINKS {
        let found = plan.entries.iter().take(index).find_map(|entry| match &entry.what {
            What::Link(to) if path.starts_with(&entry.target) => {
                let rest = path.strip_prefix(&entry.target).ok()?;
                Some(entry.target.parent()?.join(to).join(rest))
            }
            _ => None,
        });
        let Some(next) = found else { break };
        path = next.components().fold(PathBuf::from("/"), |mut path, component| {
            match component {
                Component::Normal(name) => path.push(name),
                Component::ParentDir => drop(path.pop()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
            path
        });
    }
    path
}

const NONE: Mode = Mode::empty();
const NO_LINKS: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS);

/// Opens the directory `path` below `root`, with those above it that are missing made.
fn directory(root: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if path.as_os_str().is_empty() {
        return openat(root, ".", flags, NONE);
    }
    match openat2(root, path, flags, NONE, NO_LINKS) {
        Err(Errno::NOENT) => {
            let parent = directory(root, path.parent().unwrap_or(Path::new("")))?;
            let name = path.file_name().ok_or(Errno::INVAL)?;
            match mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            openat2(&parent, name, flags, NONE, NO_LINKS)
        }
        other => other,
    }
}

fn lay_at(root: BorrowedFd<'_>, path: &Path, entry: &Entry) -> Result<(), Errno> {
    match &entry.what {
        What::Link(target) => match with_parents(root, path, || symlinkat(target, root, path)) {
            // Below something of the host's that has the link already.
            Err(Errno::EXIST) => Ok(()),
            made => made,
        },
        What::Text(text) => write(root, path, text),
        What::Bind { directory: false, .. } | What::Device(_) => make_file(root, path),
        _ => make_directory(root, path),
    }
}

fn make_directory(root: BorrowedFd<'_>, path: &Path) -> Result<(), Errno> {
    let mode = Mode::from_raw_mode(0o755);
    match with_parents(root, path, || mkdirat(root, path, mode)) {
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}

/// A file to mount over. It may be there already, of somebody else, below a directory that was
/// granted before.
fn make_file(root: BorrowedFd<'_>, path: &Path) -> Result<(), Errno> {
    let (kind, mode) = (FileType::RegularFile, Mode::from_raw_mode(0o644));
    match with_parents(root, path, || mknodat(root, path, kind, mode, 0)) {
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}

fn write(root: BorrowedFd<'_>, path: &Path, text: &str) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = with_parents(root, path, || openat(root, path, flags, Mode::from_raw_mode(0o644)))?;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let written = rustix::io::write(&file, rest)?;
        rest = rest.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Does `make`, and if a directory above `path` is missing makes it and does `make` again.
fn with_parents<T>(
    root: BorrowedFd<'_>,
    path: &Path,
    make: impl Fn() -> Result<T, Errno>,
) -> Result<T, Errno> {
    match make() {
        Err(Errno::NOENT) => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().as_bytes().is_empty());
            make_directory(root, parent.ok_or(Errno::NOENT)?)?;
            make()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_lies_below_is_told_by_whole_names() {
        let paths = ["/", "/a", "/a/b", "/a/bc", "/ab", "/a/b/c"].map(Path::new);
        for path in paths {
            for other in paths {
                let below = path != other && path.starts_with(other);
                assert_eq!(is_strictly_below(path, other), below, "{path:?} {other:?}");
            }
        }
    }

    fn entry(target: &str, what: What) -> Entry {
        Entry { target: target.into(), what }
    }

    fn bind(target: &str, directory: bool) -> Entry {
        entry(target, What::Bind { source: target.into(), writable: true, directory, named: true })
    }

    /// The places of a plan that ends with `last`, below a tree and beside links of the plan's own.
    fn plan(last: Entry) -> MountPlan {
        let link = |path, to: &str| entry(path, What::Link(to.into()));
        let entries = vec![
            link("/lib", "usr/lib"),
            link("/loop", "loop/a"),
            bind("/usr", true),
            entry("/src", What::Scratch("source")),
            last,
        ];
        MountPlan { base: Base::Empty, entries }
    }

    #[test]
    fn links_of_the_plan_are_followed_and_what_lies_below_a_mount_is_shared() {
        let shown = |path: &str| match place(&plan(bind(path, true)), 4, &bind(path, true)) {
            Place::Own(path) => ("own", path),
            Place::Shared(path) => ("shared", path),
        };
        assert_eq!(shown("/home/x"), ("own", "home/x".into()));
        assert_eq!(shown("/src"), ("own", "src".into()));
        assert_eq!(shown("/srcs/x"), ("own", "srcs/x".into()));
        assert_eq!(shown("/src/a/b"), ("shared", "src/a/b".into()));
        assert_eq!(shown("/lib/x/y"), ("shared", "usr/lib/x/y".into()));
        assert_eq!(shown("/loop/x").0, "own");
    }

    #[test]
    fn nothing_is_made_or_opened_beyond_a_link_in_the_tree() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        for directory in ["src/kept/deep", "usr/lib"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        symlink(outside.path(), root.path().join("src/out")).unwrap();
        symlink("kept", root.path().join("src/near")).unwrap();
        symlink("/nowhere", root.path().join("src/kept/dangling")).unwrap();
        let opened = fs::File::open(root.path()).unwrap();
        let laid = |path: &str, directory| {
            let plan = plan(bind(path, directory));
            let made = lay(opened.as_fd(), &plan, 4);
            made.and_then(|()| {
                let path = path.strip_prefix('/').unwrap();
                openat2(&opened, path, OFlags::PATH | OFlags::CLOEXEC, NONE, NO_LINKS).map(drop)
            })
        };
        for (path, directory) in [("/src/kept/new/deeper", true), ("/src/kept/file", false)] {
            assert_eq!(laid(path, directory), Ok(()), "{path}");
            assert_eq!(root.path().join(&path[1..]).is_dir(), directory, "{path}");
            assert_eq!(laid(path, directory), Ok(()), "{path}: it may be there already");
        }
        for path in ["/src/out", "/src/out/x", "/src/out/x/y", "/src/near", "/src/near/deep"] {
            for directory in [true, false] {
                assert_eq!(laid(path, directory), Err(Errno::LOOP), "{path}");
            }
        }
        assert_eq!(laid("/src/kept/dangling", true), Err(Errno::LOOP));
        assert_eq!(laid("/src/kept/dangling/x", true), Err(Errno::LOOP));
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        assert!(root.path().join("src/near").is_symlink());
    }
}
