//! The formats by their door: files of odd lines, and the sightings that they become.

use std::{
    collections::BTreeMap,
    fmt::{Debug, Write},
    fs,
    path::PathBuf,
};

use super::*;
use crate::evidence::{Sighting, time};

const NOW: i64 = 1_783_058_832_000;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/evidence/logs").join(name)
}

/// Every field that a sighting has, in the order of the contract.
fn said(s: &Sighting<'_>) -> String {
    fn add(out: &mut String, name: &str, value: Option<impl Debug>) {
        if let Some(value) = value {
            write!(out, " {name}={value:?}").expect("in memory");
        }
    }
    let mut out = time::instant(s.time_ms).to_string();
    for (name, text) in [
        ("workspace", &s.workspace),
        ("repository", &s.repository),
        ("username", &s.username),
        ("email", &s.email),
        ("user_agent", &s.user_agent),
        ("scheme", &s.scheme),
        ("secret_prefix", &s.secret_prefix),
        ("job", &s.job),
        ("host", &s.host),
        ("method", &s.method),
        ("path", &s.path),
        ("message", &s.message),
    ] {
        add(&mut out, name, text.as_deref());
    }
    add(&mut out, "client_ip", s.client_ip);
    add(&mut out, "status", s.status);
    out
}

fn page_said(page: &Page<'_>) -> String {
    let sightings = page.sightings.iter().map(said);
    let skipped = page.skipped.iter().map(|s| format!("{} {}: {}", s.count, s.reason, s.sample));
    sightings.chain(skipped).map(|line| line + "\n").collect()
}

/// What a file becomes, as a service reads it that takes the bytes as they are.
fn read(bytes: &[u8], form: &Form) -> String {
    let header =
        if form.format == Format::Csv { bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1) } else { 0 };
    let (header, bytes) = bytes.split_at(header);
    page_said(&parse_block(Piece { bytes, header, ..Piece::default() }, form, NOW))
}

fn form(format: Format, user: UserField, host: Option<&str>) -> Form {
    Form { user, host: host.map(str::to_owned), ..Form::new(format) }
}

/// Reads `name` with a form, and compares with what stands in the `.txt` beside it.
#[track_caller]
fn assert_read(name: &str, suffix: &str, form: &Form) {
    let bytes = fs::read(data(name)).expect("a fixture");
    let found = read(&bytes, form);
    let expected = fs::read_to_string(data(&format!("{name}{suffix}.txt"))).unwrap_or_default();
    assert!(!found.contains("hunter2"), "{name}: {found}");
    assert_eq!(found, expected, "{name}: {suffix}\n{found}");
}

#[test]
fn access_logs_of_apache_and_nginx_are_read() {
    assert_read("combined_forms.log", "", &form(Format::Combined, UserField::Proxy, None));
    assert_read("combined_forms.log", ".bitbucket", &form(Format::Combined, UserField::Bitbucket, Some("bitbucket.org")));
    assert_read("combined_odd_lines.log", "", &form(Format::Combined, UserField::Bitbucket, Some("bitbucket.org")));
}

#[test]
fn squids_native_log_is_read() {
    assert_read("squid_forms.log", "", &form(Format::Squid, UserField::Proxy, None));
    assert_read("squid_forms.log", ".bitbucket", &form(Format::Squid, UserField::Bitbucket, None));
    assert_read("squid_odd_lines.log", "", &form(Format::Squid, UserField::Bitbucket, None));
}

#[test]
fn the_lines_of_the_manual_are_read() {
    let manual = include_str!("../../../deploy/README.md");
    for format in [Format::Combined, Format::Squid] {
        let row = manual.lines().find_map(|line| line.strip_prefix(&format!("| `{format}` | `"))).expect("a row of the table");
        let (line, _) = row.split_once("` |").expect("an example");
        let form = Form::new(format);
        let page = parse_block(Piece { bytes: line.as_bytes(), ..Piece::default() }, &form, NOW);
        assert_eq!(page.sightings.iter().map(|s| (s.time_ms, s.status)).collect::<Vec<_>>(), [(NOW, Some(410))], "{line}");
    }
}

#[test]
fn tables_are_read() {
    assert_read("csv_messages_of_several_lines.csv", "", &Form::new(Format::Csv));
    assert_read("csv_tabs.tsv", "", &form(Format::Csv, UserField::Proxy, Some("bitbucket.org")));
    assert_read("csv_odd_rows.csv", "", &Form::new(Format::Csv));
    let names = [("time", "ts"), ("client_ip", "src"), ("job", "src.job"), ("method", "http.request.method")];
    let names = names.into_iter().chain([("path", "http.request.target"), ("message", "note")]);
    let table: BTreeMap<_, _> = names.map(|(field, column)| (field.to_owned(), column.to_owned())).collect();
    let fields = Fields::of_columns(&table).expect("columns may contain each other's names");
    assert_read("csv_semicolons_and_dotted_names.csv", "", &Form { fields, ..Form::new(Format::Csv) });
}

#[test]
fn ends_of_lines_padding_and_wrong_bytes_do_no_harm() {
    for (name, format) in
        [("combined_forms.log", Format::Combined), ("squid_forms.log", Format::Squid), ("csv_tabs.tsv", Format::Csv)]
    {
        let form = form(format, UserField::Bitbucket, Some("bitbucket.org"));
        let text = fs::read_to_string(data(name)).expect("a fixture");
        let expected = read(text.as_bytes(), &form);
        assert_eq!(read(text.replace('\n', "\r\n").as_bytes(), &form), expected, "{name}");
        assert_eq!(read(format!("\u{feff}{text}").as_bytes(), &form), expected, "{name}");
        assert_eq!(read(text.trim_end_matches('\n').as_bytes(), &form), expected, "{name}: the last line has no end");
        let mut bytes = text.clone().into_bytes();
        bytes.extend(b"\xff\xfe\0\0garbage \xc3\x28 \x1b[31m\n\0\0\0\n");
        let found = read(&bytes, &form);
        assert!(!found.contains(['\u{1b}', '\0']), "{name}: {found}");
        assert_eq!(
            found.lines().filter(|line| line.starts_with("2026-")).count(),
            expected.lines().filter(|line| line.starts_with("2026-")).count()
        );
    }
    let holed = b"\0\0\0\x00198.51.100.7 - - [03/Jul/2026:06:07:12 +0000] \"GET /acme/web.git/HEAD HTTP/1.1\" 200 1";
    assert!(
        read(holed, &Form::new(Format::Combined)).starts_with("2026-07-03T06:07:12Z"),
        "a file that was emptied while it was open"
    );
}

#[test]
fn a_line_of_megabytes_costs_itself() {
    for (name, format) in
        [("combined_forms.log", Format::Combined), ("squid_forms.log", Format::Squid), ("csv_tabs.tsv", Format::Csv)]
    {
        let form = form(format, UserField::Proxy, Some("bitbucket.org"));
        let text = fs::read_to_string(data(name)).expect("a fixture");
        let (first, rest) = text.split_once('\n').expect("lines");
        for long in ["x".repeat(MAX_LINE_BYTES + 1), format!("\"{}", "x,".repeat(MAX_LINE_BYTES / 2))] {
            let found = read(format!("{first}\n{long}\n{rest}").as_bytes(), &form);
            let (kept, skipped): (Vec<_>, Vec<_>) = found.lines().partition(|line| line.starts_with("2026-"));
            let expected = read(text.as_bytes(), &form);
            assert_eq!(kept, expected.lines().filter(|line| line.starts_with("2026-")).collect::<Vec<_>>());
            assert!(skipped.iter().any(|line| line.starts_with("1 too_long")), "{skipped:?}");
        }
    }
}

/// What a program writes that quotes what it must, and what another one reads of it.
#[test]
fn rows_are_cut_and_unquoted_as_other_programs_do() {
    let mut random = fastrand::Rng::with_seed(4180);
    for round in 0..300 {
        let delimiter = [b',', b';', b'\t'][random.usize(..3)];
        let mut writer = ::csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
        writer.write_record(["time", "job", "message", "x"]).expect("in memory");
        for _ in 0..random.usize(1..30) {
            let mut cell = || {
                (0..random.usize(..12))
                    .map(|_| ["a", "b", " ", "\"", "\n", "\r\n", ",", ";", "\t", "é"][random.usize(..10)])
                    .collect::<String>()
            };
            writer.write_record(["1783058832", &format!("j{}", cell()), &format!("m{}", cell()), &cell()]).expect("in memory");
        }
        let bytes = writer.into_inner().expect("in memory");
        let mut reader = ::csv::ReaderBuilder::new().delimiter(delimiter).from_reader(bytes.as_slice());
        let expected: Vec<::csv::StringRecord> = reader.records().map(|record| record.expect("a row")).collect();

        let header = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let (header, body) = bytes.split_at(header);
        let (whole, rest) = split_rows(body, header, random.bool());
        assert_eq!((whole, rest.len()), (body, 0), "round {round}");
        let cut = random.usize(..=body.len());
        let early = split_rows(&body[..cut], header, false).0;
        let late = split_rows(&body[early.len()..], header, false).0;
        assert_eq!(early.len() + late.len(), body.len(), "round {round}: what is not there yet is waited for");
        let found = rows(body, header).count();
        assert_eq!(found, expected.len(), "round {round}");
        let form = Form::new(Format::Csv);
        let page = parse_block(Piece { bytes: body, header, ..Piece::default() }, &form, NOW);
        let kept = |text: &str| text.replace(char::is_control, " ").trim().to_owned();
        let jobs: Vec<_> = page.sightings.iter().map(|s| s.job.as_deref().unwrap_or_default().to_owned()).collect();
        assert_eq!(jobs, expected.iter().map(|row| kept(&row[1])).collect::<Vec<_>>(), "round {round}");
        let messages: Vec<_> = page.sightings.iter().map(|s| s.message.as_deref().unwrap_or_default().to_owned()).collect();
        assert_eq!(messages, expected.iter().map(|row| kept(&row[2])).collect::<Vec<_>>(), "round {round}");
    }
}

#[test]
fn a_quote_that_nobody_closes_does_not_hold_up_a_growing_table_for_ever() {
    let header = b"time,message\n";
    let row = b"1783058832,\"open\n";
    assert_eq!(split_rows(row, header, false).0, b"", "its end may come yet");
    assert_eq!(split_rows(row, header, true).0, row);
    let mut table = row.to_vec();
    table.extend(b"1783058832,whole\n".repeat(MAX_LINE_BYTES / 16));
    let (whole, _) = split_rows(&table, header, false);
    assert_eq!(
        parse_block(Piece { bytes: whole, header, ..Piece::default() }, &Form::new(Format::Csv), NOW).sightings.len(),
        MAX_BLOCK_LINES - 1
    );
}

/// Each would take minutes or hours if what has been looked at were looked at again from every place in it.
#[test]
fn what_is_made_to_be_looked_at_again_and_again_is_looked_at_once() {
    let read = |text: &str, format: Format| {
        let bytes = text.as_bytes();
        let header = if format == Format::Csv { bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap() } else { b"" };
        let (block, _) = match format {
            Format::Csv => split_rows(&bytes[header.len()..], header, true),
            _ => (bytes, b"".as_slice()),
        };
        let form = Form::new(format);
        let page = parse_block(Piece { bytes: block, header, ..Piece::default() }, &form, NOW);
        (page.sightings.len(), page.skipped.iter().map(|skipped| skipped.count).sum::<u64>())
    };
    let addresses = "a://:<".repeat(150_000);
    let line = |field: &str| format!("{{\"time\":1783058832,\"username\":\"x\",\"{field}\":\"?{addresses}\"}}\n");
    for field in ["message", "user_agent", "token_id", "secret_id", "repository"] {
        assert_eq!(read(&line(field), Format::Json), (1, 0), "{field}");
    }
    assert_eq!(read(&format!("10.0.0.1 -{} x\n", " [".repeat(400_000)), Format::Combined), (0, 1));
    let wide = format!("time{}\n", ",".repeat(60_000));
    let rows = MAX_BLOCK_LINES;
    assert_eq!(read(&(wide.clone() + &"x\"y,\"z\n".repeat(rows)), Format::Csv), (0, rows as u64));
    assert_eq!(read(&(wide + &"\",x,\"\n".repeat(rows)), Format::Csv).0, 0);
    let refused = "https://ada@api.bitbucket.org/2.0/user\ncurl: (22) The requested URL returned error: 401\n";
    let shell = format!("2026-07-03T06:07:12Z\n+ curl -f {} {refused}", "http://b:x<".repeat(1_400));
    assert_eq!(read(&shell.repeat(200), Format::Transcript).0, 200);
}

#[test]
fn a_host_with_anything_but_a_port_behind_it_is_the_host() {
    let form = Form::new(Format::Json);
    for (host, kept) in [
        ("bitbucket.org", "bitbucket.org"),
        ("BitBucket.org:443", "bitbucket.org"),
        ("bitbucket.org:8443", "bitbucket.org:8443"),
        ("bitbucket.org:mtessel", "bitbucket.org"),
        ("bitbucket.org:", "bitbucket.org"),
        ("bitbucket.org:123456", "bitbucket.org"),
        ("bitbucket.org:\\u001b[31m1", "bitbucket.org"),
    ] {
        let line = format!("{{\"time\":1783058832,\"username\":\"x\",\"host\":\"{host}\"}}\n");
        let page = parse_block(Piece { bytes: line.as_bytes(), ..Piece::default() }, &form, NOW);
        assert_eq!(page.sightings[0].host.as_deref(), Some(kept), "{host}");
    }
}

#[test]
fn an_address_may_stand_in_brackets_with_a_port_or_first_in_a_list() {
    let form = Form::new(Format::Json);
    for (said, read) in [
        ("2001:db8:7::5", Some("2001:db8:7::5")),
        ("[2001:db8:7::5]", Some("2001:db8:7::5")),
        ("[2001:db8:7::5]:443", Some("2001:db8:7::5")),
        ("198.51.100.7:5000, 10.0.0.1", Some("198.51.100.7")),
        ("[198.51.100.7", None),
        ("proxy", None),
    ] {
        let line = format!("{{\"time\":1783058832,\"username\":\"x\",\"host\":\"bitbucket.org\",\"client_ip\":\"{said}\"}}\n");
        let page = parse_block(Piece { bytes: line.as_bytes(), ..Piece::default() }, &form, NOW);
        assert_eq!(page.sightings[0].client_ip.map(|ip| ip.to_string()).as_deref(), read, "{said}");
    }
}

#[test]
fn a_sample_shows_the_shape_of_a_line_and_nothing_of_what_it_says() {
    let mut random = fastrand::Rng::with_seed(3_222);
    for _ in 0..500 {
        let secret: String = (0..random.usize(8..40)).map(|_| random.alphanumeric()).collect();
        let line = ["{}", "mtessel:{}@bitbucket.org", "10.0.0.1 - {} [then] \"x\"", "1783058832 {} TCP_MISS", "a,\"{}"]
            [random.usize(..5)];
        let line = line.replace("{}", &secret);
        for format in [Format::Combined, Format::Squid, Format::Csv] {
            let found =
                read(line.as_bytes(), &Form::new(format)) + &read(format!("time,job\n{line}").as_bytes(), &Form::new(format));
            assert!(!found.contains(&secret[..6]), "{line}: {found}");
        }
    }
    assert_eq!(lines::shape("10.2.3.4 - müller_x [a1]\u{1b}"), "9.9.9.9 - a_a [a9]?");
}

#[test]
fn a_block_holds_whole_lines_and_not_too_many() {
    assert_eq!(split_block(b"a\nb\nhalf"), (b"a\nb\n".as_slice(), b"half".as_slice()));
    assert_eq!(split_block(b"half"), (b"".as_slice(), b"half".as_slice()));
    let lines = b"x\n".repeat(MAX_BLOCK_LINES + 5);
    assert_eq!(split_block(&lines).1, b"x\n".repeat(5));
}
