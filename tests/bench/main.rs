//! The gauges: how fast and how small the product is on this machine, beside what its parts can do alone and beside what people
//! would use instead, on the same input in the same run.
//!
//! `cargo bench` measures everything, `cargo bench -- log past` only these, and `cargo bench -- log --quick` a fifth of it,
//! fewer times. The product is measured from outside: the real program, as a process of its own, with a real store on a real
//! disk. README.md says what each row means.

#![expect(clippy::print_stdout, reason = "the table is the result")]

mod audit;
mod bench;
mod corpus;
mod limits;
mod logs;
mod past;
mod peers;
mod program;
mod table;
mod tape;

use anyhow::ensure;

use bench::Bench;
use table::Row;

/// Measures some rows.
type Gauge = fn(&Bench) -> anyhow::Result<Vec<Row>>;

/// The gauges by their names.
const GAUGES: [(&str, Gauge); 10] = [
    ("log", logs::log),
    ("together", logs::together),
    ("reclassify", logs::reclassify),
    ("audit", audit::audit),
    ("past", past::past),
    ("growth", past::growth),
    ("service", past::service),
    ("peers", peers::peers),
    ("binary", bench::binary),
    (BUILD, bench::build),
];
/// Takes as long however little is measured.
const BUILD: &str = "build";

fn main() -> anyhow::Result<()> {
    // Cargo itself hands `--bench` on.
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let (flags, names): (Vec<_>, Vec<_>) = asked.into_iter().partition(|word| word.starts_with("--"));
    let known: Vec<&str> = GAUGES.iter().map(|(name, _)| *name).collect();
    let unknown = names.iter().find(|name| !known.contains(&name.as_str()));
    let unknown = unknown.or(flags.iter().find(|flag| *flag != "--quick"));
    ensure!(unknown.is_none(), "`{}` is no gauge; there are {} and --quick", unknown.map_or("", |it| it), known.join(", "));
    let bench = Bench::new(!flags.is_empty())?;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{} runs of each, {cores} cores{}\n", bench.runs(), if bench.quick { ", a fifth of the input" } else { "" });
    let all = |name: &str| names.is_empty() && !(bench.quick && name == BUILD);
    for (name, gauge) in GAUGES.iter().filter(|(name, _)| all(name) || names.iter().any(|asked| asked == name)) {
        eprintln!("{name}");
        match gauge(&bench) {
            Ok(rows) => println!("{name}\n{}\n", table::text(&rows)),
            // The others can still be measured.
            Err(error) => println!("{name}\n  could not be measured: {error:#}\n"),
        }
    }
    Ok(())
}
