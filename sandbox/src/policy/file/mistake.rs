//! What is wrong with a policy file, with the line and a caret under the place.
#![forbid(unsafe_code)]

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where, in bytes of the text.
    pub span: Range<usize>,
    /// What.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Mistake {
    /// The mistake at `span`.
    #[must_use]
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    /// The same with what to write instead.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// Everything that is wrong with a policy file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes {
    name: String,
    text: String,
    /// The mistakes, in the order in which they stand.
    pub mistakes: Vec<Mistake>,
}

impl Mistakes {
    /// The mistakes in `text`, the content of the file `name`.
    #[must_use]
    pub fn new(name: &str, text: &str, mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by_key(|mistake| mistake.span.start);
        Self { name: name.to_owned(), text: text.to_owned(), mistakes }
    }

    fn render(&self, mistake: &Mistake) -> String {
        let place = AnnotationKind::Primary.span(within(&self.text, &mistake.span));
        let source = Snippet::source(&self.text).path(&self.name).annotation(place);
        let mut report = Level::ERROR.primary_title(&mistake.message).element(source);
        if let Some(help) = &mistake.help {
            report = report.element(Level::HELP.message(help));
        }
        Renderer::plain().render(&[report]).clone()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.mistakes.len();
        let times = if count == 1 { "a mistake" } else { "mistakes" };
        writeln!(f, "{} has {times}; nothing was run", self.name)?;
        let rendered: Vec<_> = self.mistakes.iter().map(|mistake| self.render(mistake)).collect();
        f.write_str(&rendered.join("\n"))
    }
}

/// The span, cut to the text and to whole characters.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let floor = |at: usize| {
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start);
    start..floor(span.end).max(start)
}
