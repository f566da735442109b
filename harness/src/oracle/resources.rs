//! resources: did the build print more than anybody can keep?
#![forbid(unsafe_code)]

use super::evidence::Evidence;

/// Whether the log ran over. What a build uses of memory, processes and disk is measured where the
/// sandbox sets limits to it.
#[must_use]
pub fn flooded(evidence: &Evidence) -> Option<String> {
    evidence
        .log_cut_off
        .then(|| format!("the build printed more than {} bytes", evidence.log.len()))
}

#[cfg(test)]
mod tests {
    use sandbox::Level;

    use super::*;
    use crate::lab::layout::Interpreter;

    #[test]
    fn only_a_log_that_was_cut_off_is_a_flood() {
        let interpreter = Interpreter { program: "/p".into(), site: "/s".into() };
        let mut evidence = Evidence::none(Level::None, interpreter);
        evidence.log = b"much".to_vec();
        assert_eq!(flooded(&evidence), None);
        evidence.log_cut_off = true;
        assert!(flooded(&evidence).is_some());
    }
}
