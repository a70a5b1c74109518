//! What is not taken in, and changes nothing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use duskwatch::simulator::ServeOptions;

use super::{
    Party, WEST, WESTERN, exchanges,
    party::{self, lines, signed},
};
use crate::support::{NOW, Site, at, small_world};

struct Border {
    reporter: Party,
    west: PathBuf,
    lines: Vec<String>,
}

impl Border {
    /// A reporter that has taken in a file of the west, and a newer one of it.
    async fn new(seed: u64) -> (Self, Site, Party) {
        let site = Site::grown(&small_world(seed, at(NOW), 5), ServeOptions::default()).await;
        let west = Party::new(&site, &WESTERN.map(str::to_owned), false, &WEST.section());
        west.poll(NOW).await;
        let reporter = Party::new(&site, &[], false, &exchanges("36h"));
        reporter.take(&west.hand_over(None, "2026-07-03T06:00:00Z").await, NOW).await.unwrap();
        let file = west.hand_over(None, NOW).await;
        (Self { lines: lines(&file), west: file, reporter }, site, west)
    }

    /// Offers a file, which must be refused in such words and change nothing.
    async fn refuses(&self, bytes: &[u8], words: &str) {
        let before = format!("{:?}", self.reporter.picture().await);
        let file = self.reporter.path("offered.ndjson.zst");
        fs::write(&file, bytes).unwrap();
        let refused = self.reporter.take(&file, NOW).await.unwrap_err();
        assert!(refused.contains(words) && !refused.contains(char::is_control), "{refused:?}");
        assert!(format!("{:?}", self.reporter.picture().await) == before, "{words}: something has changed");
    }

    /// The lines with one of a kind changed, or added to, and signed as they should be.
    fn with(&self, kind: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
        let mut lines = self.lines.clone();
        let at = lines.iter().position(|line| line.starts_with(&format!("{{\"kind\":\"{kind}\""))).unwrap();
        lines[at] = change(&lines[at]);
        signed(&lines, WEST.key)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_what_its_instance_wrote_is_refused_and_changes_nothing() {
    let (border, site, _west) = Border::new(44).await;
    let whole = fs::read(&border.west).unwrap();
    border.refuses(&whole[..whole.len() / 2], "damaged or incomplete").await;
    border.refuses(b"", "damaged or incomplete").await;
    border.refuses(&zstd::encode_all(&b""[..], 3).unwrap(), "nothing in it").await;
    border.refuses(b"no zstd at all", "damaged or incomplete").await;
    let text = zstd::decode_all(&whole[..]).unwrap();
    let compressed = |text: &[u8]| zstd::encode_all(text, 3).unwrap();
    border.refuses(&compressed(&text[..text.len() - 20]), "ends within a line").await;
    let unsealed = border.lines.join("\n") + "\n";
    border.refuses(&compressed(unsealed.as_bytes()), "no seal at its end").await;
    let tampered = String::from_utf8(text.clone()).unwrap().replacen("\"uses\":1,", "\"uses\":2,", 1);
    border.refuses(&compressed(tampered.as_bytes()), "the signature is not of the key that is trusted for `west`").await;
    let longer = [&text[..], b"{\"kind\":\"end\",\"signature\":\"\"}\n"].concat();
    border.refuses(&compressed(&longer), "the seal stands before the end").await;
    border.refuses(&signed(&border.lines, party::EAST.key), "the signature is not of the key that is trusted for `west`").await;
    border.refuses(&border.with("header", |line| line.replace("\"west\"", "\"north\"")), "no [[exchange]]").await;
    border.refuses(&border.with("header", |line| line.replace("\"west\"", "\"east\"")), "is trusted for `east`").await;
    border
        .refuses(&border.with("header", |line| line.replace("\"version\":1", "\"version\":2")), "version 2 of the format")
        .await;
    border.refuses(&border.with("header", |line| line.replace("duskwatch-exchange", "x")), "this is no file that").await;
    let escape = border.with("header", |line| line.replace("\"instance\"", "\"\\u001b[2J\""));
    border.refuses(&escape, "no line of this format").await;
    let tomorrow = at(NOW).as_millisecond() + 86_400_000;
    let later = |line: &str| line.replace(&at(NOW).as_millisecond().to_string(), &tomorrow.to_string());
    border.refuses(&border.with("header", later), "in the future").await;
    // The file itself is well, and a reporter that trusts nobody takes nothing.
    let nobody = Party::new(&site, &[], true, "");
    assert!(nobody.take(&border.west, NOW).await.unwrap_err().contains("no [[exchange]]"));
    assert!(nobody.take(Path::new("-"), NOW).await.unwrap_err().contains("name a file instead of -"));
    border.reporter.take(&border.west, NOW).await.unwrap();
    assert_eq!(border.reporter.take(&border.west, NOW).await.unwrap().items, 0, "it is known now");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_instance_may_not_say_is_refused_though_it_signs_it() {
    let (border, ..) = Border::new(45).await;
    let add = |more: &str| {
        let more = more.to_owned();
        move |line: &str| format!("{line}\n{more}")
    };
    for name in ["exchange/east/log/egress", "exchange/east", "log", "log/", "log/a/b", "log/a b", "log/a\\u0007", "nothing/x"] {
        let source = format!("{{\"kind\":\"source\",\"name\":\"{name}\",\"items\":1}}");
        border.refuses(&border.with("source", add(&source)), "no name that a source can have").await;
    }
    border.refuses(&border.with("source", |line| format!("{line}\n{line}")), "named twice").await;
    border.refuses(&border.with("track", |line| format!("{{\"kind\":\"raw\"}}\n{line}")), "no line of this format").await;
    border.refuses(&border.with("track", |line| line.replace("\"source\":0", "\"source\":7")), "does not name").await;
    border.refuses(&border.with("track", |line| line.replace("\"source\"", "\"sauce\"")), "no line of this format").await;
    let count = |from: &'static str, to: &'static str| {
        let pattern = regex::Regex::new(from).unwrap();
        move |line: &str| pattern.replace(line, to).into_owned()
    };
    border.refuses(&border.with("count", count("\"uses\":[0-9]+", "\"uses\":4611686018427387904")), "cannot be counted").await;
    border.refuses(&border.with("count", count("\"uses\":[0-9]+", "\"uses\":0")), "cannot be counted").await;
    border.refuses(&border.with("count", count("\"day\":\"[^\"]+\"", "\"day\":\"2031-01-01\"")), "outside").await;
    border.refuses(&border.with("count", count("\"first_ms\":[0-9]+", "\"first_ms\":5")), "outside").await;
    border.refuses(&border.with("count", count("\"verdict\":[0-9]+", "\"verdict\":99999")), "no verdict").await;
    border.refuses(&border.with("coverage", count("\"to_ms\":[0-9]+", "\"to_ms\":9000000000000")), "outside the day").await;
    border.refuses(&border.with("verdict", count("\"grade\":\"[a-z]+\"", "\"grade\":\"sure\"")), "none of the format's").await;
    for line in ["\\u001b[2J", "list_\\u001b[2J"] {
        let escape = format!("{{\"kind\":\"{line}\",\"\\u001b]0;x\\u0007\":1}}");
        border.refuses(&border.with("source", add(&escape)), "no line of this format, from its column").await;
    }
    let long = format!("{{\"kind\":\"source\",\"name\":\"log/{}\"}}", "x".repeat(20_000));
    border.refuses(&border.with("source", add(&long)), "longer than any can be").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_bytes_that_become_endlessly_many_are_refused_unread() {
    let (border, ..) = Border::new(46).await;
    let source = border.lines.iter().position(|line| line.starts_with("{\"kind\":\"source\"")).unwrap();
    let track = border.lines.iter().find(|line| line.starts_with("{\"kind\":\"track\",\"source\":0,")).unwrap();
    let bomb = format!("{}\n{}\n{}", border.lines[0], border.lines[source], format!("{track:16000}\n").repeat(5_000));
    border.refuses(&zstd::encode_all(bomb.as_bytes(), 1).unwrap(), "far longer when it is uncompressed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_another_instance_are_bounded_and_hold_no_secrets_and_no_commands() {
    let (border, ..) = Border::new(47).await;
    let hostile = |line: &str| {
        let mut track: serde_json::Value = serde_json::from_str(line).unwrap();
        track["username"] = "\u{1b}[2Jmona".into();
        track["token_label"] = "ATBBx8Qm2LrTz9vWk4Hn6pYs3cDf7A1B2C3D".into();
        track["workspace"] = "w".repeat(5_000).into();
        // The kind stands first, as it does in what is written here.
        let rest = track.to_string().replacen("\"kind\":\"track\",", "", 1);
        format!("{{\"kind\":\"track\",{}", &rest[1..])
    };
    let file = border.reporter.path("hostile.ndjson.zst");
    fs::write(&file, border.with("track", hostile)).unwrap();
    border.reporter.take(&file, NOW).await.unwrap();
    let picture = border.reporter.picture().await;
    let mut tracks = picture.counts.keys().map(|(_, track, ..)| track);
    let found = tracks.find(|track| track.username.as_deref().is_some_and(|name| name.ends_with("[2Jmona"))).unwrap();
    assert_eq!(found.username.as_deref(), Some("[2Jmona"), "a control character is none of a name");
    assert_eq!((found.token_label.as_deref(), found.workspace.as_ref().unwrap().len()), (Some("ATBB…"), 512));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_use_that_is_ahead_of_its_file_is_counted_as_skipped_and_the_rest_is_taken_in() {
    let (border, ..) = Border::new(48).await;
    let used = |last_ms: i64| {
        format!("{{\"kind\":\"list_token_use\",\"organization\":\"acme\",\"token_id\":\"1\",\"last_ms\":{last_ms}}}")
    };
    let written = at(NOW).as_millisecond();
    let uses = |line: &str| format!("{line}\n{}\n{}", used(written + 86_400_001), used(written - 1));
    let file = border.reporter.path("ahead.ndjson.zst");
    fs::write(&file, border.with("source", uses)).unwrap();
    let taken = border.reporter.take(&file, NOW).await.unwrap();
    assert_eq!((taken.skipped.len(), taken.items), (1, taken.read - 1), "{taken}");
    let said = taken.to_string();
    assert!(said.ends_with("\n  1 skipped (future), such as: 2026-07-04T07:00:00.001Z"), "{said}");
}
