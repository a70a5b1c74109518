//! Rust files as the rules see them: code without comments and literals, the literals apart, test code marked.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

pub struct SourceFile {
    /// Relative to the package, with `/`.
    pub path: String,
    /// The code with every comment and literal blanked: same length, same lines.
    pub code: String,
    pub literals: Vec<Literal>,
    line_starts: Vec<usize>,
    /// For each line, whether it belongs to an item under `#[cfg(test)]`, or to a file that only holds tests.
    in_test: Vec<bool>,
}

pub struct Literal {
    pub line: usize,
    pub text: String,
}

/// Comments, string literals (the second group) and character literals. A lifetime is none of them.
static BLANKED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?xs)
        (//[^\n]* | /\*.*?\*/)
        | (\b[bc]?r\#\#".*?"\#\# | \b[bc]?r\#".*?"\# | \b[bc]?r"[^"]*" | \b[bc]?"(?:[^"\\]|\\.)*" | "(?:[^"\\]|\\.)*")
        | '(?: [^'\\\n] | \\u\{[0-9a-fA-F_]+\} | \\x[0-9a-fA-F]{2} | \\. )'"#,
    )
    .expect("a valid expression")
});

static TEST_ITEM: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"#\[cfg\(test\)\]").expect("a valid expression"));
static TEST_MODULE_FILE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"#\[cfg\(test\)\]\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;").expect("a valid expression"));

impl SourceFile {
    pub fn new(path: &str, text: &str) -> Self {
        let line_starts: Vec<_> =
            text.split_inclusive('\n').scan(0, |end, line| Some(std::mem::replace(end, *end + line.len()))).collect();
        let mut file =
            Self { path: path.to_owned(), code: String::new(), literals: Vec::new(), in_test: Vec::new(), line_starts };
        let mut end = 0;
        for found in BLANKED.captures_iter(text) {
            let whole = found.get_match();
            file.code.push_str(&text[end..whole.start()]);
            file.code.extend(whole.as_str().bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
            end = whole.end();
            if let Some(literal) = found.get(2) {
                file.literals.push(Literal { line: file.line_of(literal.start()), text: literal.as_str().to_owned() });
            }
        }
        file.code.push_str(&text[end..]);
        file.in_test = file.test_lines();
        file
    }

    pub fn is_test(&self, line: usize) -> bool {
        self.in_test.get(line - 1).copied().unwrap_or(false)
    }

    pub fn is_only_tests(&self) -> bool {
        self.in_test.iter().all(|test| *test)
    }

    pub fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset).max(1)
    }

    pub fn line_count(&self) -> usize {
        self.line_starts.len()
    }

    /// The module path below the crate: `["store", "open"]` for `src/store/open.rs`, `["store"]` for `src/store/mod.rs`.
    pub fn module(&self) -> Vec<&str> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path).trim_end_matches(".rs");
        inner.split('/').filter(|part| !["mod", "lib", "main"].contains(part)).collect()
    }

    /// Every match of `pattern` in the code, with its line.
    pub fn matches<'a>(&'a self, pattern: &'a Regex) -> impl Iterator<Item = (usize, &'a str)> {
        pattern.find_iter(&self.code).map(|found| (self.line_of(found.start()), found.as_str()))
    }

    /// The line of each `fn` with its name and the number of lines to the end of its body.
    pub fn functions(&self) -> Vec<(usize, String, usize)> {
        static HEAD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bfn\s+(\w+)").expect("a valid expression"));
        let lengths = HEAD.captures_iter(&self.code).filter_map(|head| {
            let start = head.get_match().start();
            let end = item_end(&self.code, start)?;
            let line = self.line_of(start);
            Some((line, head[1].to_owned(), self.line_of(end) - line + 1))
        });
        lengths.collect()
    }

    fn test_lines(&self) -> Vec<bool> {
        let mut lines = vec![false; self.line_count()];
        for attribute in TEST_ITEM.find_iter(&self.code) {
            let end = item_end(&self.code, attribute.end()).unwrap_or(self.code.len());
            lines[self.line_of(attribute.start()) - 1..self.line_of(end)].fill(true);
        }
        lines
    }
}

/// Every `.rs` file under `src/` in a stable order, test-only files marked as such.
pub fn sources() -> &'static [SourceFile] {
    static SOURCES: LazyLock<Vec<SourceFile>> = LazyLock::new(|| {
        let mut files: Vec<_> = rust_files("src").iter().map(|path| read(path)).collect();
        let test_modules: Vec<_> = files.iter().flat_map(test_module_paths).collect();
        for file in &mut files {
            let stem = file.path.trim_end_matches(".rs");
            if test_modules.iter().any(|module| stem == module || stem.starts_with(&format!("{module}/"))) {
                file.in_test.fill(true);
            }
        }
        files
    });
    &SOURCES
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

pub fn read(path: &Path) -> SourceFile {
    let relative = path.strip_prefix(root()).expect("a path of this package").to_string_lossy().replace('\\', "/");
    SourceFile::new(&relative, &fs::read_to_string(path).expect("readable source"))
}

/// Paths, without `.rs`, of the modules that a file declares for tests only.
fn test_module_paths(file: &SourceFile) -> Vec<String> {
    let folder = match file.path.rsplit_once('/') {
        Some((folder, "mod.rs" | "lib.rs" | "main.rs")) => folder.to_owned(),
        _ => file.path.trim_end_matches(".rs").to_owned(),
    };
    TEST_MODULE_FILE.captures_iter(&file.code).map(|found| format!("{folder}/{}", &found[1])).collect()
}

/// Where the item that starts at `start` ends: at its closing brace, or at its semicolon.
fn item_end(code: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 && byte == b'}' {
                    return Some(offset);
                }
            }
            b';' if depth == 0 => return Some(offset),
            _ => {}
        }
    }
    None
}

#[test]
fn comments_and_literals_are_blanked_and_lines_kept() {
    let text = "let a = \"x // \\\" y\"; // unwrap()\n/* fn\nb */ let c = '\"'; fn f<'a>(d: &'a str) {}\nr#\"e \" f\"#;\n";
    let file = SourceFile::new("src/a.rs", text);
    assert_eq!(file.code.len(), text.len());
    let words: Vec<_> = file.code.split_whitespace().collect();
    assert_eq!(words.join(" "), "let a = ; let c = ; fn f<'a>(d: &'a str) {} ;");
    let literals: Vec<_> = file.literals.iter().map(|literal| (literal.line, literal.text.as_str())).collect();
    assert_eq!(literals, [(1, "\"x // \\\" y\""), (4, "r#\"e \" f\"#")]);
}

#[test]
fn test_items_and_test_files_are_marked() {
    let file = SourceFile::new(
        "src/a/mod.rs",
        "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n#[cfg(test)]\nmod c;\nfn d() {}\n",
    );
    assert_eq!(file.in_test, [false, true, true, true, true, true, true, false]);
    assert_eq!(test_module_paths(&file), ["src/a/c"]);
}

#[test]
fn functions_are_measured_to_their_closing_brace() {
    let file = SourceFile::new("src/a.rs", "trait T {\n    fn a(b: [u8; 2]);\n}\nfn c() -> u8 {\n    {\n        1\n    }\n}\n");
    assert_eq!(file.functions(), [(2, "a".to_owned(), 1), (4, "c".to_owned(), 5)]);
}
