//! Regular expressions that mean the same in every engine that may have to judge evidence: the ASCII subset that Rust's
//! `regex`, RE2 (ClickHouse, <https://github.com/google/re2/wiki/Syntax>) and PostgreSQL's advanced expressions
//! (<https://www.postgresql.org/docs/current/functions-matching.html#POSIX-SYNTAX-DETAILS>) share.
//!
//! Left out is what one of them lacks or reads in another way: look-around, references, flags, word boundaries, classes
//! that depend on Unicode or a locale (`\d`, `\pL`, `[[:alpha:]]`), escapes by number, lazy repetition, named groups.

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{
    self, Ast, ClassSetBinaryOp, ClassSetItem, GroupKind, Literal, LiteralKind, Position, RepetitionKind, RepetitionRange, Span,
    SpecialLiteralKind, Visitor,
};

/// PostgreSQL counts repetitions up to this.
const MAX_REPETITION: u32 = 255;

/// A longer pattern belongs into several rules.
const MAX_LENGTH: usize = 1_000;

/// The compiled program of a pattern as long as that stays below this, unless repetitions are stacked on repetitions.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// What is wrong with a pattern, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Counted from 1, in characters.
    pub column: usize,
    pub words: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "character {} of the pattern: {}", self.column, self.words)
    }
}

/// Compiles a pattern of the shared subset. It matches anywhere in a text unless `^` and `$` bind it to its ends; `.` stands
/// for any character.
///
/// # Errors
/// The first thing in it that is no expression, or that another engine would not read in the same way.
pub fn compile(pattern: &str) -> Result<Regex, Refusal> {
    if pattern.is_empty() {
        return Err(refusal(1, "it is empty, and would match everything"));
    }
    if pattern.len() > MAX_LENGTH {
        return Err(refusal(MAX_LENGTH + 1, &format!("it is longer than {MAX_LENGTH} bytes")));
    }
    let parsed = ast::parse::Parser::new().parse(pattern);
    let parsed = parsed.map_err(|error| refused(error.span().start, &error.kind().to_string()))?;
    ast::visit(&parsed, Subset { catalogue: false })?;
    let compiled = RegexBuilder::new(pattern).dot_matches_new_line(true).size_limit(MAX_COMPILED_BYTES).build();
    compiled.map_err(|_| refusal(1, "it is too large when its repetitions are written out"))
}

/// Whether other engines can recognise a client as the catalogue does: beside the shared subset it may begin with `(?i)`, and
/// use `\d`, `\s`, `\w` and `\b`, which mean the same wherever user agents are ASCII.
///
/// # Errors
/// The first thing in it that another engine would not read in the same way.
pub fn check_of_client(pattern: &str) -> Result<(), Refusal> {
    let bare = pattern.strip_prefix(ANY_CASE).unwrap_or(pattern);
    let parsed = ast::parse::Parser::new().parse(bare);
    let parsed = parsed.map_err(|error| refused(error.span().start, &error.kind().to_string()))?;
    ast::visit(&parsed, Subset { catalogue: true })
}

/// Before a pattern that matches in any case.
const ANY_CASE: &str = "(?i)";

/// For a pattern that matches in any case, one that matches the same texts in lower case. Engines that look for the letters of a
/// pattern before they match it forget the flag (ClickHouse 18.16).
pub fn in_lower_case(pattern: &str) -> Option<String> {
    let mut signs = pattern.strip_prefix(ANY_CASE)?.chars();
    let mut lower = String::new();
    while let Some(sign) = signs.next() {
        lower.push(sign.to_ascii_lowercase());
        // What an escape means depends on its case.
        lower.extend(if sign == '\\' { signs.next() } else { None });
    }
    Some(lower)
}

/// A pattern of a client as PostgreSQL spells it, where the edge of a word is `\y`.
pub fn for_postgresql(pattern: &str) -> String {
    let mut signs = pattern.chars();
    let mut spelled = String::new();
    while let Some(sign) = signs.next() {
        spelled.push(sign);
        let escaped = if sign == '\\' { signs.next() } else { None };
        spelled.extend(escaped.map(|sign| if sign == 'b' { 'y' } else { sign }));
    }
    spelled
}

fn refusal(column: usize, words: &str) -> Refusal {
    Refusal { column, words: words.to_owned() }
}

fn refused(at: Position, words: &str) -> Refusal {
    refusal(at.column, words)
}

fn no(span: &Span, words: &str) -> Result<(), Refusal> {
    Err(refused(span.start, words))
}

/// Refuses what does not belong to the subset, or to what the catalogue of clients adds to it.
struct Subset {
    catalogue: bool,
}

impl Subset {
    fn perl(&self, span: &Span) -> Result<(), Refusal> {
        if self.catalogue { Ok(()) } else { no(span, PERL) }
    }
}

impl Visitor for Subset {
    type Output = ();
    type Err = Refusal;

    fn finish(self) -> Result<(), Refusal> {
        Ok(())
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Refusal> {
        match ast {
            Ast::Empty(span) => no(span, "an empty alternative or group matches everything"),
            Ast::Flags(flags) => {
                no(&flags.span, "flags differ from engine to engine: leave them out, and write [Aa] for any case")
            }
            Ast::Literal(found) => literal(found),
            Ast::Dot(_) | Ast::ClassBracketed(_) | Ast::Alternation(_) | Ast::Concat(_) => Ok(()),
            Ast::Assertion(found) => match found.kind {
                ast::AssertionKind::StartLine | ast::AssertionKind::EndLine => Ok(()),
                ast::AssertionKind::WordBoundary if self.catalogue => Ok(()),
                _ => no(&found.span, "of the assertions only ^ and $ are the same in every engine"),
            },
            Ast::ClassUnicode(class) => no(&class.span, "classes of Unicode differ from engine to engine: list the characters"),
            Ast::ClassPerl(class) => self.perl(&class.span),
            Ast::Repetition(found) => match (found.greedy, &found.op.kind) {
                (false, _) => no(&found.op.span, "whether a repetition is lazy makes no difference here: leave the ? out"),
                (_, RepetitionKind::Range(range)) if largest(range) > MAX_REPETITION => {
                    no(&found.op.span, &format!("not every engine counts beyond {MAX_REPETITION}"))
                }
                _ => Ok(()),
            },
            Ast::Group(group) => match &group.kind {
                GroupKind::CaptureIndex(_) => Ok(()),
                GroupKind::NonCapturing(flags) if flags.items.is_empty() => Ok(()),
                GroupKind::NonCapturing(flags) => no(&flags.span, "flags differ from engine to engine: leave them out"),
                GroupKind::CaptureName { name, .. } => no(&name.span, "groups have no names here: write ( )"),
            },
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Refusal> {
        match item {
            ClassSetItem::Empty(_) | ClassSetItem::Union(_) => Ok(()),
            ClassSetItem::Literal(found) => literal(found),
            ClassSetItem::Range(range) => literal(&range.start).and_then(|()| literal(&range.end)),
            ClassSetItem::Ascii(class) => no(&class.span, "classes by name depend on a locale in some engines: write [A-Za-z]"),
            ClassSetItem::Unicode(class) => no(&class.span, "classes of Unicode differ from engine to engine"),
            ClassSetItem::Perl(class) => self.perl(&class.span),
            ClassSetItem::Bracketed(class) => no(&class.span, "a class inside a class: write \\[ for the character"),
        }
    }

    fn visit_class_set_binary_op_pre(&mut self, op: &ClassSetBinaryOp) -> Result<(), Refusal> {
        no(&op.span, "&&, -- and ~~ inside a class are not known to every engine")
    }
}

const PERL: &str = "\\d, \\w and \\s differ from engine to engine: write [0-9], [A-Za-z0-9_] or [ \\t]";

fn largest(range: &RepetitionRange) -> u32 {
    match range {
        RepetitionRange::Exactly(n) | RepetitionRange::AtLeast(n) | RepetitionRange::Bounded(_, n) => *n,
    }
}

fn literal(literal: &Literal) -> Result<(), Refusal> {
    use SpecialLiteralKind::{CarriageReturn, LineFeed, Tab};
    let shared = match &literal.kind {
        LiteralKind::Verbatim | LiteralKind::Meta | LiteralKind::Superfluous => literal.c.is_ascii() && !literal.c.is_control(),
        LiteralKind::Special(kind) => matches!(kind, Tab | LineFeed | CarriageReturn),
        LiteralKind::Octal | LiteralKind::HexFixed(_) | LiteralKind::HexBrace(_) => false,
    };
    if shared {
        return Ok(());
    }
    match literal.kind {
        LiteralKind::Verbatim => no(&literal.span, "only printable ASCII characters stand for themselves in every engine"),
        _ => no(&literal.span, "this escape is not the same in every engine"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_recognised_by_every_engine() {
        let catalogue = crate::evidence::ClientCatalogue::builtin().expect("a catalogue");
        for (pattern, id, _) in catalogue.recognition() {
            assert_eq!(check_of_client(pattern), Ok(()), "{id}");
        }
        assert_eq!(in_lower_case("(?i)^JGit/[A-F\\d]\\S").as_deref(), Some("^jgit/[a-f\\d]\\S"));
        assert_eq!(in_lower_case("^JGit"), None);
        assert_eq!(for_postgresql("\\bnode\\\\b\\d"), "\\ynode\\\\b\\d");
        for pattern in ["ä", "\\pL", "x(?i)y", "a+?", "\\x41"] {
            assert!(check_of_client(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn what_every_engine_reads_alike_is_compiled() {
        for (pattern, text, matches) in [
            ("^acme-[a-z0-9]{2,8}/", "acme-vault/1.2", true),
            ("^acme-[a-z0-9]{2,8}/", "my acme-vault/1.2", false),
            ("(vault|deploy)-v[0-9]+$", "acme/deploy-v12", true),
            ("(?:a|b)c", "xbcx", true),
            ("a.c", "a\nc", true),
            ("a.c", "aüc", true),
            ("[^/]+\\.git$", "pay.git", true),
            ("[^/]+\\.git$", "/.gits", false),
            ("\\$\\(x\\)\\t[\\]\\-]", "$(x)\t]", true),
        ] {
            assert_eq!(compile(pattern).map(|regex| regex.is_match(text)), Ok(matches), "{pattern} on {text}");
        }
    }

    #[test]
    fn what_engines_read_differently_is_refused_at_its_place() {
        for (pattern, column, words) in [
            ("", 1, "empty"),
            ("a(?=b)", 2, "look-around"),
            ("(a)\\1", 4, "backreferences"),
            ("(?i)acme", 1, "flags"),
            ("x(?s:a)", 4, "flags"),
            ("a\\d", 2, "[0-9]"),
            ("[\\w]", 2, "[A-Za-z0-9_]"),
            ("\\pL", 1, "Unicode"),
            ("[[:alpha:]]", 2, "locale"),
            ("[a[b]]", 3, "class inside"),
            ("[a-z&&b]", 2, "&&"),
            ("\\bacme", 1, "^ and $"),
            ("a+?", 2, "lazy"),
            ("a{256}", 2, "255"),
            ("\\x41", 1, "escape"),
            ("ä", 1, "ASCII"),
            ("(?P<n>a)", 5, "names"),
            ("a|", 3, "empty"),
            ("a(b", 2, "unclosed group"),
            ("((a{200}){200}){200}", 1, "too large"),
        ] {
            let found = compile(pattern).expect_err(pattern);
            assert!(found.column == column && found.words.contains(words), "{pattern}: {found}");
        }
    }
}
