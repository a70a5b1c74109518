use ipnet::IpNet;

use super::*;
use crate::evidence::Origin;

const SLICE: (i64, i64) = (1_783_058_400_000, 1_783_062_000_000);

fn table() -> Table {
    let columns =
        Field::ALL.iter().filter(|field| !NOT_ASKED.contains(field)).map(|field| (field.as_str(), format!("c_{field}")));
    Table {
        engine: Engine::ClickHouse,
        name: vec!["logs".to_owned(), "egress".to_owned()],
        columns: columns.collect(),
        unit: TimeUnit::Instant,
        host: "bitbucket.org".to_owned(),
    }
}

fn asked(rules: Rules, catalogue: &str, networks: &[(&str, &str)], table: Table) -> Result<Question, Vec<Refused>> {
    let catalogue = ClientCatalogue::with_additions(catalogue).expect("a catalogue");
    let network = |(network, name): &(&str, &str)| (network.parse::<IpNet>().expect("a network"), (*name).to_owned());
    let networks = NamedNetworks::new(networks.iter().map(network).collect());
    Question::new(table, &Arc::new(rules), &catalogue, &networks, &Campaign::calendar(&[]))
}

fn builtin() -> Question {
    asked(Rules::builtin().expect("rules"), "", &[("10.20.0.0/16", "build-farm")], table()).expect("a question")
}

const EVERY_CONDITION: &str = r#"
[[before]]
id = "everything"
reason = "a condition of each kind"
credential = "api_token"
grade = "strong"
when = { username = { one_of = ["it's"] }, secret_id = { prefix = ["a"] }, job = { contains = ["b"] }, host = { regex = "c\\.d" }, client_ip = "10.0.0.0/8", uses = [1, 2], until = { present = true }, message = { present = false }, path = { contains = ["x"] }, event_id = { prefix = ["e"] }, client = "git-cli", status = [200, 401], action = { present = false }, surface = ["git", "rest"], window = "any", git_path = true }
"#;

#[test]
fn everything_that_rules_can_ask_is_put_into_the_statement() {
    let rules = Rules::with_additions("own.toml", EVERY_CONDITION).expect("rules");
    let statement = asked(rules, "", &[], table()).expect("a question").statement(SLICE, "two\nlines");
    for part in
        ["'it\\\'s'", "'c\\\\.d'", "^00000000000000000000ffff0a", "-- two lines\n", "k_window IN ('published', 'extrapolated')"]
    {
        assert!(statement.contains(part), "{part} in\n{statement}");
    }
}

#[test]
fn only_windows_that_meet_the_slice_are_asked_for() {
    let question = builtin();
    let count = |slice| question.statement(slice, "").matches("THEN 'extrapolated'").count();
    let day = |text: &str| Campaign::calendar(&[]).removal.as_millisecond() + if text == "after" { 1_000 } else { -86_400_000 };
    assert_eq!(count((day("after"), day("after") + 1_000)), 0);
    let windows = count((day("before"), day("before") + 86_400_000));
    assert!((1..=4).contains(&windows), "{windows} windows on the last day");
}

#[test]
fn a_table_of_one_column_can_be_asked() {
    let bare = Table { columns: [("time", "ts".to_owned())].into(), unit: TimeUnit::Seconds, ..table() };
    let statement = asked(Rules::builtin().expect("rules"), "", &[], bare).expect("a question").statement(SLICE, "");
    assert!(statement.contains("WHERE `ts` >= 1783058400 AND `ts` < 1783062000"), "{statement}");
}

#[test]
fn what_the_engine_would_judge_otherwise_is_refused_by_its_name() {
    let client = "[[client]]\nid = \"ours\"\nname = \"Ours\"\ncategory = \"CI\"\nuser_agent = \"ours-[\\\\x41]+\"\n";
    let rule = "[[before]]\nid = \"everywhere\"\nreason = \"x\"\ncredential = \"oauth\"\ngrade = \"weak\"\nwhen = { client_ip = \"::/0\" }\n";
    let rules = Rules::with_additions("own.toml", rule).expect("rules");
    let refused = asked(rules, client, &[("::/8", "lab")], table()).expect_err("refused");
    let words: Vec<String> = refused.iter().map(ToString::to_string).collect();
    for what in ["the rule `everywhere` cannot be asked of clickhouse: ::/0 holds", "the client `ours`", "the origin `lab`"] {
        assert!(words.iter().any(|words| words.starts_with(what)), "{what} in {words:?}");
    }
}

fn row(changes: &[(usize, &str)]) -> Vec<String> {
    let first = SLICE.0 + 5;
    let rules = Rules::builtin().expect("rules");
    let rule = rules.ids().position(|id| id == "basic-nickname-git").expect("a rule");
    let text = format!(
        "1 20637 3 4 {first} {first} 64 {rule} accepted git_read published Mona@Example.test mona@example.test - git-cli a0a1407 bitbucket.org acme \
         pay - - - - -"
    );
    let mut row: Vec<String> = text.split(' ').map(|word| word.replace('-', "")).collect();
    row[14] = "git-cli".to_owned();
    for (at, text) in changes {
        (*text).clone_into(&mut row[*at]);
    }
    row
}

#[test]
fn every_kind_of_origin_is_read_and_no_other() {
    let question = builtin();
    let origin = |text: &str| {
        let mut answer = question.answer(SLICE);
        answer.read(&row(&[(15, text)])).ok()?;
        Some(answer.take("query/lake").tracks[0].origin.clone())
    };
    for (text, expected) in [
        ("n0", Some(Origin::Network("build-farm".to_owned()))),
        ("jnightly", Some(Origin::Job("nightly".to_owned()))),
        ("r", Some(Origin::Roaming)),
        ("a0a1407", Some(Origin::Address("10.20.7.0/24".parse().expect("a network")))),
        ("a20010db80001", Some(Origin::Address("2001:db8:1::/48".parse().expect("a network")))),
        ("lmirror", Some(Origin::TokenLabel("mirror".to_owned()))),
        ("u", Some(Origin::Unknown)),
        ("n9", None),
        ("a0a14", None),
        ("x", None),
    ] {
        assert_eq!(origin(text), expected, "{text}");
    }
}

#[test]
fn a_row_becomes_a_day_count_and_what_signs_nobody_in_a_number_of_lines() {
    let question = builtin();
    let mut answer = question.answer(SLICE);
    answer.read(&row(&[])).expect("a row");
    answer.read(&row(&[(15, "n0"), (22, "curlish"), (23, "new-type")])).expect("a row");
    answer.read(&row(&[(0, "0"), (2, "9")])).expect("a row");
    assert_eq!((answer.lines(), answer.waiting()), (15, 2));
    let batch = answer.take("query/lake");
    let origins: Vec<String> = batch.tracks.iter().map(|track| track.origin.text()).collect();
    assert_eq!(origins, ["10.20.7.0/24", "build-farm"]);
    let rule = &batch.rules[usize::from(batch.counts[0].verdict.rule)];
    assert_eq!(
        (rule.as_str(), batch.counts[0].uses, batch.counts[0].verdict.credential),
        ("basic-nickname-git", 4, Credential::AppPassword)
    );
    let unknown: Vec<_> = answer.unknown().into_iter().map(|unknown| (unknown.field, unknown.value)).collect();
    assert_eq!(unknown, [("auth_type", "new-type".to_owned()), ("user_agent", "curlish".to_owned())]);
}

#[test]
fn nothing_but_rows_that_were_asked_for_is_taken() {
    let question = builtin();
    let late = (SLICE.1).to_string();
    for (at, text) in
        [(1, "20638"), (2, "many"), (3, "-4"), (4, &late), (7, "999"), (8, "perhaps"), (15, "x"), (15, "n7"), (15, "a12")]
    {
        let read = question.answer(SLICE).read(&row(&[(at, text)]));
        assert_eq!(read, Err(Malformed(1)), "{at} {text}");
    }
    let failed = ["Code: 241, e.displayText() = DB::Exception: Memory limit exceeded".to_owned()];
    assert_eq!(question.answer(SLICE).read(&failed), Err(Malformed(1)));
}

#[test]
fn a_sum_without_end_is_the_most_that_a_row_may_stand_for() {
    let question = builtin();
    for endless in [u64::MAX.to_string(), "9".repeat(40)] {
        let mut answer = question.answer(SLICE);
        answer.read(&row(&[(2, &endless), (3, &endless)])).expect("a row");
        assert_eq!((answer.lines(), answer.take("query/lake").counts[0].uses), (1 << 40, 1 << 40), "{endless}");
    }
}

#[test]
fn an_unknown_value_is_searched_for_secrets_before_it_is_cut() {
    let question = builtin();
    let mut answer = question.answer(SLICE);
    answer.read(&row(&[(22, "mtessel:hunter2-and-more-than-is-kept-of-a-name@acme")])).expect("a row");
    let unknown = answer.unknown();
    assert!(unknown.iter().any(|one| one.value == "mtessel@acme"), "{unknown:?}");
}
