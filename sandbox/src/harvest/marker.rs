//! Environment markers of PEP 508: comparisons joined by `and`, `or` and parentheses.
#![forbid(unsafe_code)]

/// Deeper than any marker somebody wrote.
const MOST_NESTED: usize = 16;

/// The variables of the standard, with the old spellings that `packaging` still takes.
const VARIABLES: [&str; 20] = [
    "python_version",
    "python_full_version",
    "os_name",
    "sys_platform",
    "platform_release",
    "platform_system",
    "platform_version",
    "platform_machine",
    "platform_python_implementation",
    "python_implementation",
    "implementation_name",
    "implementation_version",
    "extra",
    "extras",
    "dependency_groups",
    "os.name",
    "sys.platform",
    "platform.version",
    "platform.machine",
    "platform.python_implementation",
];

const OPERATORS: [&str; 8] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Text,
    Operator,
    Open,
    Close,
}

/// Checks a marker, without the semicolon before it.
///
/// # Errors
/// With the part that was not understood.
pub(crate) fn check(text: &str) -> Result<(), &'static str> {
    let tokens = tokens(text)?;
    match alternatives(&tokens, 0)? {
        [] => Ok(()),
        _ => Err("what follows the marker"),
    }
}

/// `comparison and comparison or (comparison)`; which of the two words binds tighter does not
/// matter for what is a marker and what is not.
fn alternatives<'a, 'b>(
    tokens: &'b [Token<'a>],
    depth: usize,
) -> Result<&'b [Token<'a>], &'static str> {
    let mut rest = comparison(tokens, depth)?;
    while let [Token::Word("and" | "or"), after @ ..] = rest {
        rest = comparison(after, depth)?;
    }
    Ok(rest)
}

fn comparison<'a, 'b>(
    tokens: &'b [Token<'a>],
    depth: usize,
) -> Result<&'b [Token<'a>], &'static str> {
    if let [Token::Open, inner @ ..] = tokens {
        if depth == MOST_NESTED {
            return Err("the marker's nested parentheses");
        }
        return match alternatives(inner, depth + 1)? {
            [Token::Close, rest @ ..] => Ok(rest),
            _ => Err("the marker's parentheses"),
        };
    }
    let [left, rest @ ..] = tokens else { return Err("the marker's end") };
    let ([Token::Operator | Token::Word("in"), rest @ ..]
    | [Token::Word("not"), Token::Word("in"), rest @ ..]) = rest
    else {
        return Err("the marker's operator");
    };
    let [right, rest @ ..] = rest else { return Err("the marker's end") };
    if is_value(*left) && is_value(*right) {
        Ok(rest)
    } else {
        Err("the marker's variable, which must be one of the standard")
    }
}

fn is_value(token: Token<'_>) -> bool {
    match token {
        Token::Text => true,
        Token::Word(word) => VARIABLES.contains(&word),
        _ => false,
    }
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, &'static str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t']);
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '(' => (Token::Open, rest.get(1..)),
            ')' => (Token::Close, rest.get(1..)),
            '\'' | '"' => {
                let inner = rest.get(1..).unwrap_or_default();
                let (content, after) = inner.split_once(first).ok_or("the marker's quotes")?;
                if !is_harmless(content) {
                    return Err("a character within the marker's quotes");
                }
                (Token::Text, Some(after))
            }
            'a'..='z' => {
                let word = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.');
                let end = rest.bytes().position(|byte| !word(byte)).unwrap_or(rest.len());
                (Token::Word(rest.get(..end).unwrap_or_default()), rest.get(end..))
            }
            _ => {
                let after = OPERATORS.iter().find_map(|operator| rest.strip_prefix(operator));
                (Token::Operator, Some(after.ok_or("a character of the marker")?))
            }
        };
        tokens.push(token);
        rest = after.unwrap_or_default().trim_start_matches([' ', '\t']);
    }
    Ok(tokens)
}

/// Python evaluates the quoted text as a literal, and pip cuts the whole requirement at blanks
/// when it stands in a file; so no backslash, no dollar, no comment, no word with a leading dash.
fn is_harmless(content: &str) -> bool {
    content.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" .,_-+*!~<>=()/:|".contains(&byte))
        && !content.starts_with('-')
        && !content.contains(" -")
        && !content.contains("//")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    fn markers_of_the_standard_are_accepted(
        #[values(
            "python_version < '3.8'",
            " python_version<\"3.8\"and(os_name=='nt'or sys_platform == 'win32')",
            "extra == 'test'",
            "'linux' in sys_platform",
            "platform_machine not in 'x86_64 arm64'",
            "((python_full_version >= '3.11.0a1'))",
            "os.name == 'posix' and platform.python_implementation != 'PyPy'",
            "'a' == 'b'"
        )]
        text: &str,
    ) {
        assert_eq!(check(text), Ok(()));
    }

    #[rstest]
    fn anything_else_is_refused(
        #[values(
            "",
            "python_version",
            "python_version <",
            "python_version < 3.8",
            "python_version < '3.8",
            "python_version < '3.8' and",
            "python_version < '3.8' or or extra == 'a'",
            "(python_version < '3.8'",
            "python_version < '3.8')",
            "python_version is '3'",
            "python_version not '3'",
            "PYTHON_VERSION < '3'",
            "secret == 'x'",
            "python_version < '3' extra == 'a'",
            "extra == '\\n'",
            "extra == '${HOME}'",
            "extra == 'a --index-url=x'",
            "extra == '-r'",
            "extra == 'a' # comment",
            "extra == 'a' --hash=sha256:1",
            "() == 'a'",
            "extra == 'http://x'"
        )]
        text: &str,
    ) {
        assert!(check(text).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested =
            |depth: usize| format!("{}extra == 'a'{}", "(".repeat(depth), ")".repeat(depth));
        assert!(check(&nested(16)).is_ok());
        assert!(check(&nested(17)).is_err());
        assert!(check(&"(".repeat(2000)).is_err());
    }
}
