//! The string literals of a Python source file, which is where a back end could hide an address.
#![forbid(unsafe_code)]

/// A string literal without its quotes, as it is spelt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Literal<'t> {
    /// What stands between the quotes.
    pub(crate) text: &'t str,
    /// Where it begins in the file.
    pub(crate) offset: usize,
    /// It is a triple-quoted one that begins its line: a docstring, which does nothing.
    pub(crate) prose: bool,
}

/// Every literal of `source`, in order.
pub(crate) fn literals(source: &str) -> Vec<Literal<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = source.get(at..) {
        let Some(next) = rest.find(['#', '"', '\'']) else { break };
        let start = at + next;
        let here = source.get(start..).unwrap_or_default();
        if here.starts_with('#') {
            at = start + here.find('\n').unwrap_or(here.len());
            continue;
        }
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|q| here.starts_with(q));
        let Some(quote) = quote else { break };
        let body = here.get(quote.len()..).unwrap_or_default();
        let end = closing(body, quote);
        let line = source.get(..start).and_then(|before| before.rsplit('\n').next());
        let prose = quote.len() == 3 && line.is_some_and(|line| line.trim().is_empty());
        let text = body.get(..end).unwrap_or(body);
        found.push(Literal { text, offset: start + quote.len(), prose });
        at = start + quote.len() + end + quote.len();
    }
    found
}

/// The length of `body` up to the closing quote, or up to the end of what cannot go on.
fn closing(body: &str, quote: &str) -> usize {
    let mut escaped = false;
    for (index, c) in body.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if body.get(index..).is_some_and(|rest| rest.starts_with(quote))
            || (c == '\n' && quote.len() == 1)
        {
            return index;
        }
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        literals(source).into_iter().filter(|l| !l.prose).map(|l| l.text).collect()
    }

    #[test]
    fn quotes_of_every_kind_are_found_and_comments_are_not() {
        let source = "a = 'x' + \"y'z\" # 'no'\nb = f'''p\nq''' ; c = r\"\\\"\"";
        assert_eq!(texts(source), ["x", "y'z", "p\nq", "\\\""]);
    }

    #[test]
    fn a_docstring_is_prose() {
        assert_eq!(texts("def f():\n    \"\"\"See http://x.\"\"\"\n    return 'r'\n"), ["r"]);
    }

    #[test]
    fn an_open_string_ends_with_its_line() {
        assert_eq!(texts("a = 'open\nb = 'c'\n"), ["open", "c"]);
        assert_eq!(texts("'''never closed"), Vec::<&str>::new());
    }
}
