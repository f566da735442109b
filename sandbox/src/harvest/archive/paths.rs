//! The names of an archive's members against each other, as the tree that they would unpack to.
//!
//! Each directory is in it once, however many names lead through it, and a name is walked one part
//! at a time. So the time for all names follows their length, and memory the number of their parts,
//! which is bounded.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use super::Fault;
use crate::harvest::limits::Limits;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link,
}

/// The names of an archive's members so far.
#[derive(Debug)]
pub(super) struct Names {
    /// For each part its place in `nodes`, by the place of what it lies in and a digest of the part.
    /// Digests are keyed by chance, so nobody can choose names that have the same.
    children: HashMap<(usize, u64), usize>,
    nodes: Vec<Node>,
    members: usize,
    key: RandomState,
    most: usize,
}

#[derive(Debug)]
struct Node {
    /// Where what it lies in is; its own place for the root.
    parent: usize,
    /// What the member of this name is, if there is one.
    kind: Option<Kind>,
    /// Something lies in it.
    full: bool,
}

const ROOT: usize = 0;

impl Names {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            children: HashMap::new(),
            nodes: vec![Node { parent: ROOT, kind: Some(Kind::Directory), full: false }],
            members: 0,
            key: RandomState::new(),
            most: limits.parts,
        }
    }

    /// Adds a member. Only a directory may come twice, and only in a directory can anything lie.
    pub(super) fn add(&mut self, name: &str, kind: Kind) -> Result<(), Fault> {
        let mut place = ROOT;
        for part in name.split('/') {
            place = self.enter(place, part)?;
        }
        let node = self.nodes.get_mut(place).ok_or(Fault::Duplicate)?;
        match node.kind.replace(kind) {
            None if node.full && kind != Kind::Directory => Err(Fault::Duplicate),
            None => {
                self.members += 1;
                Ok(())
            }
            Some(Kind::Directory) if kind == Kind::Directory => Ok(()),
            Some(_) => Err(Fault::Duplicate),
        }
    }

    /// The place of `part` in what is at `place`, which is a directory from now on.
    fn enter(&mut self, place: usize, part: &str) -> Result<usize, Fault> {
        let node = self.nodes.get_mut(place).ok_or(Fault::Duplicate)?;
        if node.kind.is_some_and(|kind| kind != Kind::Directory) {
            return Err(Fault::Duplicate);
        }
        node.full = true;
        let next = self.nodes.len();
        let known = *self.children.entry((place, self.key.hash_one(part))).or_insert(next);
        if known == next {
            if next > self.most {
                let (what, unit) = ("the list of its members' names", "parts");
                return Err(Fault::Beyond { what, limit: self.most, unit });
            }
            self.nodes.push(Node { parent: place, kind: None, full: false });
        }
        Ok(known)
    }

    fn child(&self, place: usize, part: &str) -> Option<usize> {
        self.children.get(&(place, self.key.hash_one(part))).copied()
    }

    /// What `name` stands for.
    pub(super) fn kind(&self, name: &str) -> Option<Kind> {
        let place = name.split('/').try_fold(ROOT, |place, part| self.child(place, part))?;
        self.nodes.get(place)?.kind
    }

    /// Whether `target`, followed from the directory of the member `link`, stays within the top
    /// directory of the archive and passes through no link. It climbs out of known directories alone: on
    /// another file system what is not known may be a link whose name is written otherwise.
    pub(super) fn stays_within(&self, link: &str, target: &str) -> bool {
        let mut here = Walk { names: self, known: ROOT, depth: 0, beyond: 0 };
        if let Some((directory, _)) = link.rsplit_once('/') {
            directory.split('/').for_each(|part| here.descend(part));
        }
        let mut parts = target.split('/').peekable();
        while let Some(part) = parts.next() {
            match part {
                "" | "." => continue,
                ".." if here.beyond > 0 => return false,
                ".." => here.climb(),
                _ => here.descend(part),
            }
            let last = parts.peek().is_none();
            if here.depth == 0 || (!last && here.kind() == Some(Kind::Link)) {
                return false;
            }
        }
        true
    }

    /// How many members there are, directories that came twice counted once.
    pub(super) const fn len(&self) -> usize {
        self.members
    }
}

/// A place in the tree, or below it.
struct Walk<'a> {
    names: &'a Names,
    /// The last place on the way that there is.
    known: usize,
    /// How many parts the way has.
    depth: usize,
    /// How many of them lead beyond `known`.
    beyond: usize,
}

impl Walk<'_> {
    fn descend(&mut self, part: &str) {
        self.depth += 1;
        match self.names.child(self.known, part).filter(|_| self.beyond == 0) {
            Some(place) => self.known = place,
            None => self.beyond += 1,
        }
    }

    fn climb(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.known = self.names.nodes.get(self.known).map_or(ROOT, |node| node.parent);
    }

    fn kind(&self) -> Option<Kind> {
        self.names.nodes.get(self.known).filter(|_| self.beyond == 0)?.kind
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names() -> Names {
        Names::new(&Limits::default())
    }

    #[test]
    fn only_a_directory_may_come_twice() {
        let mut names = names();
        names.add("pkg/a.py", Kind::File).unwrap();
        names.add("pkg", Kind::Directory).unwrap();
        names.add("pkg", Kind::Directory).unwrap();
        assert_eq!(names.len(), 2);
        assert!(names.add("pkg/a.py", Kind::File).is_err());
        assert!(names.add("pkg", Kind::File).is_err());
    }

    #[test]
    fn a_file_or_link_cannot_be_a_directory_too_whichever_comes_first() {
        for kind in [Kind::File, Kind::Link] {
            let mut names = names();
            names.add("a/b/c", Kind::File).unwrap();
            names.add("a", Kind::Directory).unwrap();
            assert!(names.add("a/b", kind).is_err());
            names.add("a/d", kind).unwrap();
            assert!(names.add("a/d/e", Kind::File).is_err());
        }
    }

    #[test]
    fn the_number_of_parts_is_bounded_and_shared_ones_count_once() {
        let limits = Limits { parts: 5, ..Limits::default() };
        let mut names = Names::new(&limits);
        for name in ["a/b/c/d", "a/b/c", "a/b/e"] {
            names.add(name, Kind::Directory).unwrap();
        }
        let error = names.add("a/b/f", Kind::File).unwrap_err();
        assert_eq!(error.to_string(), "the list of its members' names has more than 5 parts");
    }

    /// The same by lists, as one would write it first.
    fn stays_within_by_lists(members: &[&str], links: &[&str], link: &str, target: &str) -> bool {
        let mut here: Vec<&str> = link.split('/').collect();
        here.pop();
        let parts: Vec<&str> = target.split('/').collect();
        for (at, part) in parts.iter().enumerate() {
            match *part {
                "" | "." => continue,
                ".." => {
                    let prefix = here.join("/");
                    let known = |it: &&str| {
                        it.strip_prefix(&prefix)
                            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                    };
                    if !members.iter().any(known) {
                        return false;
                    }
                    here.pop();
                }
                part => here.push(part),
            }
            let last = at + 1 == parts.len();
            if here.is_empty() || (!last && links.contains(&here.join("/").as_str())) {
                return false;
            }
        }
        true
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn links_are_followed_as_one_would_by_hand(target in "(a|b|c|x|\\.\\.|\\.|)(/(a|b|c|x|\\.\\.|\\.|)){0,6}") {
            let mut names = names();
            names.add("a/b/c", Kind::Link).unwrap();
            names.add("a/x", Kind::Link).unwrap();
            names.add("a/c/b/a", Kind::File).unwrap();
            let (members, links) = (["a/b/c", "a/x", "a/c/b/a"], ["a/b/c", "a/x"]);
            for link in links {
                let by_hand = stays_within_by_lists(&members, &links, link, &target);
                prop_assert_eq!(names.stays_within(link, &target), by_hand, "{} {}", link, target);
            }
        }
    }
}
