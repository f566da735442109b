//! The hooks of PEP 517 and PEP 660, and what each takes and gives.
#![forbid(unsafe_code)]

use std::fmt;
use std::str::FromStr;

use crate::words::{UnknownWord, spoken};

/// One hook that `pyproject_hooks` can call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookKind {
    /// What building a wheel requires beyond `build-system.requires`.
    GetRequiresForBuildWheel,
    /// What building an sdist requires beyond `build-system.requires`.
    GetRequiresForBuildSdist,
    /// What building an editable wheel requires beyond `build-system.requires`.
    GetRequiresForBuildEditable,
    /// Writes the `.dist-info` directory that a wheel would have.
    PrepareMetadataForBuildWheel,
    /// Writes the `.dist-info` directory that an editable wheel would have.
    PrepareMetadataForBuildEditable,
    /// Builds a wheel.
    BuildWheel,
    /// Builds an sdist.
    BuildSdist,
    /// Builds an editable wheel, which points at the source tree.
    BuildEditable,
    /// Not of the standard: `pyproject_hooks` asks which optional hooks exist.
    SupportedFeatures,
}

/// What a hook hands over when it succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Product {
    /// A list of requirements, in the return value alone.
    Requirements,
    /// A list of feature names, in the return value alone.
    Features,
    /// A `.dist-info` directory, named by the return value.
    DistInfo,
    /// A wheel, named by the return value.
    Wheel,
    /// An sdist, named by the return value.
    Sdist,
}

impl HookKind {
    /// Every hook, the questions before the builds.
    pub const ALL: [Self; 9] = [
        Self::GetRequiresForBuildWheel,
        Self::GetRequiresForBuildSdist,
        Self::GetRequiresForBuildEditable,
        Self::PrepareMetadataForBuildWheel,
        Self::PrepareMetadataForBuildEditable,
        Self::BuildWheel,
        Self::BuildSdist,
        Self::BuildEditable,
        Self::SupportedFeatures,
    ];

    /// The hook's name, as it stands on the command line of `_in_process.py`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GetRequiresForBuildWheel => "get_requires_for_build_wheel",
            Self::GetRequiresForBuildSdist => "get_requires_for_build_sdist",
            Self::GetRequiresForBuildEditable => "get_requires_for_build_editable",
            Self::PrepareMetadataForBuildWheel => "prepare_metadata_for_build_wheel",
            Self::PrepareMetadataForBuildEditable => "prepare_metadata_for_build_editable",
            Self::BuildWheel => "build_wheel",
            Self::BuildSdist => "build_sdist",
            Self::BuildEditable => "build_editable",
            Self::SupportedFeatures => "_supported_features",
        }
    }

    /// What the hook hands over when it succeeds.
    #[must_use]
    pub const fn product(self) -> Product {
        match self {
            Self::GetRequiresForBuildWheel
            | Self::GetRequiresForBuildSdist
            | Self::GetRequiresForBuildEditable => Product::Requirements,
            Self::PrepareMetadataForBuildWheel | Self::PrepareMetadataForBuildEditable => {
                Product::DistInfo
            }
            Self::BuildWheel | Self::BuildEditable => Product::Wheel,
            Self::BuildSdist => Product::Sdist,
            Self::SupportedFeatures => Product::Features,
        }
    }

    /// The key of `input.json`'s `kwargs` that names the directory the hook writes to.
    #[must_use]
    pub const fn output_key(self) -> Option<&'static str> {
        match self.product() {
            Product::Requirements | Product::Features => None,
            Product::DistInfo => Some("metadata_directory"),
            Product::Wheel => Some("wheel_directory"),
            Product::Sdist => Some("sdist_directory"),
        }
    }

    /// The key of `input.json`'s `kwargs` that may name a directory of earlier metadata to read.
    #[must_use]
    pub const fn metadata_key(self) -> Option<&'static str> {
        match self {
            Self::BuildWheel | Self::BuildEditable => Some("metadata_directory"),
            _ => None,
        }
    }
}

spoken!(HookKind, "hook");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_is_found_by_its_own_name() {
        for hook in HookKind::ALL {
            assert_eq!(hook.name().parse::<HookKind>().unwrap(), hook);
        }
    }

    #[test]
    fn only_hooks_that_produce_a_file_write_to_a_directory() {
        let writing = HookKind::ALL.into_iter().filter(|hook| hook.output_key().is_some());
        assert_eq!(writing.count(), 5);
        assert_eq!(HookKind::BuildSdist.output_key(), Some("sdist_directory"));
    }

    #[test]
    fn a_misspelt_hook_is_answered_with_the_nearest() {
        let error = "build_whel".parse::<HookKind>().unwrap_err();
        assert_eq!(error.nearest.as_deref(), Some("build_wheel"));
    }
}
