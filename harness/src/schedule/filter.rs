//! Expressions that select attacks: `secrets/ & severity(>=high) - id(secrets/netrc-read)`.
#![forbid(unsafe_code)]

mod parse;

use std::fmt;
use std::str::FromStr;

use sandbox::{Guarantee, Layer, UnknownWord};

use crate::catalogue::attack::{Attack, Purpose, Severity};
use crate::catalogue::{BENIGN, Catalogue};
pub use parse::FilterError;

/// An expression, as it was written and as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    text: String,
    root: Term,
}

impl Filter {
    /// What finds one entry alone.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        Self { text: format!("id({id})"), root: Term::Id(id.to_owned()) }
    }

    /// Whether the entry is selected.
    #[must_use]
    pub fn finds(&self, attack: &Attack) -> bool {
        self.root.finds(attack)
    }

    /// Whether everything that it names is in the catalogue.
    ///
    /// # Errors
    /// The first name that is not, with the nearest one that is.
    pub fn check(&self, catalogue: &Catalogue) -> Result<(), UnknownWord> {
        self.root.check(catalogue)
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Ok(Self { text: text.to_owned(), root: parse::parse(text)? })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    /// `secrets/`
    Folder(String),
    /// `id(secrets/*)`, or the id alone.
    Id(String),
    /// `severity(>=high)`
    Severity(Comparison, Severity),
    /// `layer(mounts)`
    Layer(Layer),
    /// `tag(CWE-522)`, or the tag alone.
    Tag(String),
    /// `a & b`
    Both(Box<Self>, Box<Self>),
    /// `a | b`
    Either(Box<Self>, Box<Self>),
    /// `!a`
    Not(Box<Self>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

impl Term {
    fn finds(&self, attack: &Attack) -> bool {
        match self {
            Self::Folder(folder) => attack.id.0.starts_with(folder),
            Self::Id(pattern) => matches(pattern, &attack.id.0),
            Self::Severity(comparison, wanted) => match attack.purpose {
                Purpose::Attack { severity, .. } => comparison.holds(severity, *wanted),
                Purpose::Benign => false,
            },
            Self::Layer(layer) => attack.stopped_by().has(*layer),
            Self::Tag(tag) => tags(attack).any(|known| known == tag),
            Self::Both(one, two) => one.finds(attack) && two.finds(attack),
            Self::Either(one, two) => one.finds(attack) || two.finds(attack),
            Self::Not(term) => !term.finds(attack),
        }
    }

    fn check(&self, catalogue: &Catalogue) -> Result<(), UnknownWord> {
        match self {
            Self::Folder(folder) => {
                let name = folder.trim_end_matches('/');
                let folders = Guarantee::ALL.map(Guarantee::name);
                let known: Vec<_> = folders.into_iter().chain([BENIGN]).collect();
                if known.contains(&name) {
                    return Ok(());
                }
                Err(UnknownWord::new("guarantee", name, &known))
            }
            Self::Id(id) if !id.contains('*') && catalogue.get(id).is_none() => {
                Err(unknown_attack(catalogue, id))
            }
            Self::Tag(tag) => {
                let mut known: Vec<_> =
                    catalogue.entries().flat_map(|attack| tags(attack)).collect();
                if known.contains(&tag.as_str()) {
                    return Ok(());
                }
                known.sort_unstable();
                known.dedup();
                Err(UnknownWord::new("tag", tag, &known))
            }
            Self::Both(one, two) | Self::Either(one, two) => {
                one.check(catalogue).and_then(|()| two.check(catalogue))
            }
            Self::Not(term) => term.check(catalogue),
            _ => Ok(()),
        }
    }
}

/// The error for an id that the catalogue does not have.
#[must_use]
pub fn unknown_attack(catalogue: &Catalogue, id: &str) -> UnknownWord {
    let known: Vec<_> = catalogue.entries().map(|attack| attack.id.0.as_str()).collect();
    let nearest = catalogue.nearest(id).map(str::to_owned);
    UnknownWord { nearest, ..UnknownWord::new("attack", id, &known) }
}

impl Comparison {
    fn holds(self, severity: Severity, wanted: Severity) -> bool {
        match self {
            Self::Less => severity < wanted,
            Self::AtMost => severity <= wanted,
            Self::Equal => severity == wanted,
            Self::AtLeast => severity >= wanted,
            Self::More => severity > wanted,
        }
    }
}

fn tags(attack: &Attack) -> impl Iterator<Item = &str> {
    let tags = attack.techniques.iter().chain(&attack.weaknesses).chain(&attack.rows);
    tags.map(String::as_str)
}

/// Whether `text` is `pattern`, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts = rest.split('*');
    let last = parts.next_back().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = text.get(at + part.len()..).unwrap_or_default();
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use sandbox::LayerSet;

    use super::*;

    fn catalogue() -> Catalogue {
        let attack = |id: &str, guarantee, severity, layer| {
            let stopped_by = LayerSet::of(&[layer]);
            Attack::bare(id, Purpose::Attack { guarantee, severity, stopped_by }, &["m"])
        };
        let mut netrc =
            attack("secrets/netrc-read", Guarantee::Secrets, Severity::High, Layer::Mounts);
        netrc.weaknesses.push("CWE-522".to_owned());
        let home = attack("secrets/home", Guarantee::Secrets, Severity::Low, Layer::Mounts);
        let dns = attack("network/dns", Guarantee::Network, Severity::Critical, Layer::Network);
        [netrc, home, dns, Attack::bare("benign/wheel", Purpose::Benign, &[])].into_iter().collect()
    }

    fn found(expression: &str) -> Vec<String> {
        let filter: Filter = expression.parse().unwrap();
        let catalogue = catalogue();
        let entries = catalogue.entries().filter(|attack| filter.finds(attack));
        entries.map(|attack| attack.id.0.clone()).collect()
    }

    #[rstest]
    #[case::folder("secrets/", &["secrets/home", "secrets/netrc-read"])]
    #[case::id("id(secrets/home)", &["secrets/home"])]
    #[case::bare_id("secrets/netrc-read", &["secrets/netrc-read"])]
    #[case::pattern("id(*/*e*)", &["benign/wheel", "secrets/home", "secrets/netrc-read"])]
    #[case::severity("severity(high)", &["secrets/netrc-read"])]
    #[case::at_least("severity(>=high)", &["network/dns", "secrets/netrc-read"])]
    #[case::less("severity(<high)", &["secrets/home"])]
    #[case::layer("layer(network)", &["network/dns"])]
    #[case::bare_tag("CWE-522", &["secrets/netrc-read"])]
    #[case::tag("tag(CWE-522)", &["secrets/netrc-read"])]
    #[case::and("secrets/ & severity(>=high)", &["secrets/netrc-read"])]
    #[case::or("network/ | secrets/home", &["network/dns", "secrets/home"])]
    #[case::plus("network/ + secrets/home", &["network/dns", "secrets/home"])]
    #[case::minus("secrets/ - id(secrets/home)", &["secrets/netrc-read"])]
    #[case::minus_binds_like_and("network/ | secrets/ - secrets/home", &["network/dns", "secrets/netrc-read"])]
    #[case::not("!secrets/", &["benign/wheel", "network/dns"])]
    #[case::not_binds_tightest("!secrets/ & !network/", &["benign/wheel"])]
    #[case::parentheses("(network/ | secrets/) - (secrets/home|network/dns)", &["secrets/netrc-read"])]
    #[case::nothing("network/ & secrets/", &[])]
    fn an_expression_finds(#[case] expression: &str, #[case] ids: &[&str]) {
        assert_eq!(found(expression), ids, "{expression}");
    }

    #[rstest]
    #[case("", "column 1: expected a folder, an id, a tag, a function or `(`")]
    #[case("secrets/ &", "column 11: expected a folder, an id, a tag, a function or `(`")]
    #[case("(secrets/", "column 10: expected `)`")]
    #[case("secrets/)", "column 9: expected `&`, `-`, `|` or the end")]
    #[case("secrets/ network/", "column 10: expected `&`, `-`, `|` or the end")]
    #[case(
        "idd(x)",
        "column 1: unknown function `idd`, did you mean `id`?; known: id severity layer tag"
    )]
    #[case("id(x", "column 3: the `(` is never closed")]
    #[case(
        "severity(>=hihg)",
        "column 10: unknown severity `hihg`, did you mean `high`?; known: low medium high critical"
    )]
    #[case("secrets/ & $", "column 12: expected a folder, an id, a tag, a function or `(`")]
    fn a_mistake_is_told_with_its_place(#[case] expression: &str, #[case] message: &str) {
        assert_eq!(expression.parse::<Filter>().unwrap_err().to_string(), message);
    }

    #[rstest]
    #[case("secretz/", Some("secrets"))]
    #[case("id(files/cron)", None)]
    #[case("id(secrets/netrc-raed)", Some("secrets/netrc-read"))]
    #[case("id(home) & CWE-52", Some("secrets/home"))]
    #[case("CWE-52", Some("CWE-522"))]
    fn a_name_that_nobody_has_is_an_error(#[case] expression: &str, #[case] near: Option<&str>) {
        let error = expression.parse::<Filter>().unwrap().check(&catalogue()).unwrap_err();
        assert_eq!(error.nearest.as_deref(), near, "{error}");
    }

    #[test]
    fn names_that_somebody_has_are_none() {
        for expression in ["secrets/ | benign/", "id(secrets/*)", "CWE-522 - secrets/home"] {
            assert_eq!(expression.parse::<Filter>().unwrap().check(&catalogue()), Ok(()));
        }
    }
}
