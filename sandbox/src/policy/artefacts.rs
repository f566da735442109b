//! What a caller demands of what a build hands over. It concerns hooks: `bulkhead run` hands nothing
//! over.
#![forbid(unsafe_code)]

use super::package::Package;

/// What a caller demands of what a build hands over; what is not given is left as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artefacts {
    /// The release that is asked for, or the project.
    pub expect: Option<Package>,
    /// The build tag that a wheel may have.
    pub build_tag: Option<String>,
    /// Whether what runs code on installation, or replaces a program, is refused.
    pub strict: Option<bool>,
    /// Whether a file of the same name may be replaced though nothing is expected.
    pub replace: Option<bool>,
    /// Whether two members may have names that are one on other file systems.
    pub twins: Option<bool>,
}

impl Artefacts {
    /// The same with what `narrower` says in its place.
    #[must_use]
    pub fn narrowed(self, narrower: Self) -> Self {
        Self {
            expect: narrower.expect.or(self.expect),
            build_tag: narrower.build_tag.or(self.build_tag),
            strict: narrower.strict.or(self.strict),
            replace: narrower.replace.or(self.replace),
            twins: narrower.twins.or(self.twins),
        }
    }
}
