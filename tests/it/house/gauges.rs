//! Sizes of files and functions. Gauges against drift, not targets.

use super::code::{SourceFile, root, sources};
use super::{Violation, assert_caught, assert_kept};

/// No one reads more than this at a sitting.
const LONGEST_FILE: usize = 1_000;
/// Nine files of ten stay below this.
const LONG_FILE: usize = 500;
/// A `mod.rs` is the room's door: its purpose, its words, its re-exports.
const LONGEST_DOOR: usize = 150;
/// A function that needs more has at least two things to say.
const LONGEST_FUNCTION: usize = 80;

fn sizes_are_kept(files: &[SourceFile]) -> Vec<Violation> {
    let files = files.iter().filter(|file| !file.is_only_tests());
    files.flat_map(|file| too_long_file(file).into_iter().chain(too_long_functions(file))).collect()
}

fn too_long_file(file: &SourceFile) -> Option<Violation> {
    let limit = if file.path.ends_with("/mod.rs") { LONGEST_DOOR } else { LONGEST_FILE };
    let lines = file.line_count();
    (lines > limit).then(|| Violation::new(file, limit, format!("{lines} lines, at most {limit}")))
}

fn too_long_functions(file: &SourceFile) -> Vec<Violation> {
    let long = file.functions().into_iter().filter(|(line, _, length)| *length > LONGEST_FUNCTION && !file.is_test(*line));
    long.map(|(line, name, length)| {
        Violation::new(file, line, format!("`{name}` has {length} lines, at most {LONGEST_FUNCTION}"))
    })
    .collect()
}

/// The value below which `tenths` tenths of the sorted values lie.
fn decile(sorted: &[usize], tenths: usize) -> usize {
    sorted[(sorted.len() * tenths).div_ceil(10).max(1) - 1]
}

#[test]
fn files_and_functions_are_of_a_readable_size() {
    assert_kept(&sizes_are_kept(sources()));
}

#[test]
fn nine_files_of_ten_are_short() {
    let files = sources();
    let mut lines: Vec<_> = files.iter().filter(|file| !file.is_only_tests()).map(SourceFile::line_count).collect();
    lines.sort_unstable();
    let (median, p90) = (decile(&lines, 5), decile(&lines, 9));
    println!("{} files: median {median} lines, p90 {p90}, longest {}", lines.len(), lines[lines.len() - 1]);
    assert!(p90 <= LONG_FILE, "a tenth of the files has more than {LONG_FILE} lines (p90 is {p90}): split the longest");
}

/// Megabytes or minutes that the program has been relieved of; a feature or an update may bring them back.
const LEFT_OUT: [&str; 6] = ["encoding_rs", "icu_normalizer_data", "icu_properties_data", "tonic", "webpki-roots", "zopfli"];

#[test]
fn no_heavy_crate_comes_back_unseen() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("the lock file");
    let back: Vec<_> = LEFT_OUT.iter().filter(|name| lock.contains(&format!("\nname = \"{name}\"\n"))).collect();
    assert!(back.is_empty(), "`cargo tree -i` says what {back:?} came with");
    assert!(
        !sources().iter().any(|file| file.code.contains("chrono_tz")),
        "jiff knows the time zones: a second table is a megabyte"
    );
}

#[test]
fn oversize_is_caught() {
    assert_caught(sizes_are_kept, "src/store/open.rs", &"//\n".repeat(LONGEST_FILE + 1), LONGEST_FILE);
    assert_caught(sizes_are_kept, "src/store/mod.rs", &"//\n".repeat(LONGEST_DOOR + 1), LONGEST_DOOR);
    assert_caught(sizes_are_kept, "src/store/open.rs", &format!("\nfn f() {{\n{}}}\n", "g();\n".repeat(LONGEST_FUNCTION)), 2);
}

#[test]
fn deciles_are_values_of_the_sample() {
    assert_eq!(decile(&[7], 9), 7);
    assert_eq!(decile(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 9), 9);
    assert_eq!(decile(&[1, 2, 3, 4], 5), 2);
}
