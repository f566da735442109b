//! The exit status, and which one wins where several hold.
#![forbid(unsafe_code)]

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// All as expected.
    Ok,
    /// A command line that means nothing.
    Usage,
    /// The catalogue has mistakes.
    Catalogue,
    /// Nothing was selected.
    NothingSelected,
    /// An attack got through where it should not.
    UnexpectedEscape,
    /// An attack was stopped where nothing should, or a gap has closed or expired.
    UnexpectedBlock,
    /// A trial proves nothing or went wrong, or coverage was lost.
    Worthless,
    /// The report differs from the committed one.
    Differs,
    /// This machine cannot run what was asked.
    MachineCannot,
    /// Not one honest build builds in the target.
    TargetBroke,
    /// The lab leaked, or the host changed.
    Contaminated,
    /// The harness itself is at fault, or a canary was about to be written.
    Internal,
    /// The user stopped it.
    Interrupted,
}

/// From the one that wins over all others to the one that all others win over.
const ORDER: [Exit; 13] = [
    Exit::Internal,
    Exit::Interrupted,
    Exit::Contaminated,
    Exit::Catalogue,
    Exit::TargetBroke,
    Exit::UnexpectedEscape,
    Exit::UnexpectedBlock,
    Exit::Worthless,
    Exit::Differs,
    Exit::MachineCannot,
    Exit::NothingSelected,
    Exit::Usage,
    Exit::Ok,
];

impl Exit {
    /// The status.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Usage => 2,
            Self::Catalogue => 3,
            Self::NothingSelected => 4,
            Self::UnexpectedEscape => 10,
            Self::UnexpectedBlock => 11,
            Self::Worthless => 12,
            Self::Differs => 13,
            Self::MachineCannot => 20,
            Self::TargetBroke => 21,
            Self::Contaminated => 22,
            Self::Internal => 70,
            Self::Interrupted => 130,
        }
    }

    /// The one of these that wins.
    pub(super) fn worst(exits: &[Self]) -> Self {
        ORDER.into_iter().find(|exit| exits.contains(exit)).unwrap_or(Self::Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_several_hold_the_documented_order_decides() {
        let documented = [70, 130, 22, 3, 21, 10, 11, 12, 13];
        let order: Vec<_> = ORDER.iter().map(|exit| exit.code()).collect();
        assert_eq!(order[..documented.len()], documented);
        assert_eq!(Exit::worst(&[Exit::Differs, Exit::UnexpectedEscape]), Exit::UnexpectedEscape);
        assert_eq!(Exit::worst(&[]), Exit::Ok);
    }
}
