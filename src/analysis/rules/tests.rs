use std::sync::{Arc, LazyLock};

use super::*;
use crate::{
    analysis::Classifier,
    evidence::{Campaign, ClientCatalogue, NamedNetworks, Verdict},
};

static CATALOGUE: LazyLock<Arc<ClientCatalogue>> =
    LazyLock::new(|| Arc::new(ClientCatalogue::builtin().expect("a valid catalogue")));

fn faults(text: &str) -> Vec<String> {
    let faults = Rules::with_additions("own.toml", text).expect_err("the rules are refused");
    faults.iter().map(ToString::to_string).collect()
}

/// One rule before the compiled-in ones.
fn before(when: &str) -> String {
    format!("[[before]]\nid = \"own\"\nreason = \"ours\"\nwhen = {when}\ncredential = \"oauth\"\ngrade = \"strong\"\n")
}

/// What the compiled-in rules and those of a text say of a sighting.
fn judged(text: &str, sighting: &Sighting<'_>) -> (String, Verdict) {
    let campaign = Campaign::builtin("builtin:bitbucket-app-passwords").expect("compiled in");
    let classifier = Classifier::new(
        Rules::with_additions("own.toml", text).unwrap_or_else(|faults| panic!("{text}: {faults:?}")),
        Arc::clone(&CATALOGUE),
        NamedNetworks::default(),
        Campaign::parse(campaign).expect("a valid campaign"),
    );
    let verdict = classifier.classify(sighting).verdict;
    (classifier.rules().ids().nth(usize::from(verdict.rule)).expect("a rule").to_owned(), verdict)
}

/// A push by git with everything that a gateway knows.
fn push() -> Sighting<'static> {
    let mut made = Sighting::at("2026-06-09T06:05:00Z".parse().expect("an instant"));
    made.client_ip = "10.9.8.7".parse().ok();
    made.status = Some(200);
    for (slot, value) in [
        (&mut made.username, "svc-vault"),
        (&mut made.scheme, "basic"),
        (&mut made.host, "bitbucket.org"),
        (&mut made.method, "POST"),
        (&mut made.path, "/ACME/Pay.git/git-receive-pack"),
        (&mut made.user_agent, "git/2.45.1"),
        (&mut made.job, "acme/deploy #41"),
        (&mut made.token_label, "vault"),
    ] {
        *slot = Some(value.into());
    }
    made
}

#[test]
fn the_compiled_in_rules_are_valid_and_explain_themselves() {
    let rules = Rules::builtin().expect("the built-in rules are valid");
    assert_eq!(rules.ids().last(), Some("unknown"));
    assert!(rules.iter().all(|rule| !rule.reason.is_empty() && !rule.reason.ends_with('.')));
    assert!(rules.knows_auth_type("session") && !rules.knows_auth_type("passkey"));
    let words: Vec<_> = rules.iter().map(|rule| rule.words.as_str()).collect();
    assert_eq!(words[0], "message contains \"change-3222\" or \"app passwords are deprecated\"");
    assert_eq!(words[14], "git_path is true; message is not there; status is 410");
    assert_eq!(words.last(), Some(&"anything"));
}

#[test]
fn every_kind_of_condition_takes_what_it_names_and_nothing_else() {
    for (holds, fails) in [
        ("username = \"svc-vault\"", "username = \"svc-Vault\""),
        ("username = [\"a\", \"svc-vault\"]", "username = { one_of = [\"a\", \"svc\"] }"),
        ("username = { prefix = \"svc-\" }", "username = { prefix = [\"SVC-\", \"vault\"] }"),
        ("job = { contains = \"DEPLOY\" }", "job = { contains = \"release\" }"),
        ("job = { regex = '^acme/[a-z]+ #[0-9]+$' }", "job = { regex = '^deploy' }"),
        ("client_ip = \"10.9.8.7\"", "client_ip = \"10.9.8.8\""),
        ("client_ip = { network = [\"192.0.2.0/24\", \"10.9.0.0/16\"] }", "client_ip = \"2001:db8::/32\""),
        ("email = { present = false }", "email = { present = true }"),
        ("job = { present = true, prefix = \"acme/\" }", "job = { prefix = \"acme/\", contains = \"release\" }"),
        ("status = [200, 201]", "status = 401"),
        ("uses = 1", "uses = 2"),
        ("until = { present = false }", "until = { present = true }"),
        ("workspace = \"acme\", repository = \"pay\"", "repository = \"Pay\""),
        ("client = \"git-cli\"", "client = \"unknown\""),
        ("surface = [\"git\", \"rest\"]", "surface = \"ssh\""),
        ("operation = \"git_write\"", "operation = \"git_read\""),
        ("username_kind = \"nickname\"", "username_kind = [\"email\", \"reserved\", \"absent\"]"),
        ("git_path = true", "git_path = false"),
        ("outcome = \"accepted\"", "outcome = [\"rejected\", \"unknown\"]"),
        ("window = \"any\"", "window = \"outside\""),
        ("window = \"published\"", "window = \"extrapolated\""),
        ("time = \"before_removal\"", "time = \"after_removal\""),
    ] {
        assert_eq!(judged(&before(&format!("{{ {holds} }}")), &push()).0, "own", "{holds}");
        assert_eq!(judged(&before(&format!("{{ {fails} }}")), &push()).0, "basic-nickname-in-window", "{fails}");
    }
}

#[test]
fn own_rules_stand_before_the_compiled_in_ones_or_behind_them() {
    let text = before("{ token_label = \"vault\", outcome = \"accepted\" }")
        .replace("\ngrade", "\noutcome = \"rejected\"\ngrade")
        + &before("{ user_agent = { prefix = \"git/\" } }").replace("[[before]]", "[[after]]").replace("\"own\"", "\"late\"");
    let (rule, verdict) = judged(&text, &push());
    assert_eq!(
        (rule.as_str(), verdict.credential, verdict.grade, verdict.outcome),
        ("own", Credential::Oauth, Grade::Strong, Outcome::Rejected)
    );
    let other = Sighting { token_label: None, ..push() };
    assert_eq!(judged(&text, &other).0, "basic-nickname-in-window");
    let unexplained = Sighting { scheme: None, ..other };
    assert_eq!(judged(&text, &unexplained).0, "late");
    assert_eq!(judged(&text, &Sighting { user_agent: None, ..unexplained }).0, "unknown");
    let rules = Rules::with_additions("own.toml", &text).expect("valid");
    assert_eq!(rules.own().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["own", "late"]);
}

#[test]
fn an_auth_type_that_an_own_rule_explains_is_known() {
    let rules = Rules::with_additions("own.toml", &before("{ auth_type = { prefix = \"pass\" } }")).expect("valid");
    assert!(rules.knows_auth_type("passkey") && rules.knows_auth_type("session") && !rules.knows_auth_type("quantum"));
}

#[test]
fn every_fault_of_a_file_is_told_with_its_line_and_what_was_meant() {
    let text = "\
[[before]]
id = \"Vault Tokens\"
reason = \"\"
when = { user_agnet = \"x\" }
credential = \"api_tokn\"
grade = \"none\"
[[before]]
id = \"patterns\"
reason = \"r\"
credential = \"unknown\"
grade = \"none\"
[before.when]
job = { regex = 'deploy-\\d+' }
path = { regex = '(unclosed' }
host = []
message = { contains = [\"\"] }
client_ip = { network = [\"10.20.0.0/33\"] }
status = \"401\"
uses = 0
surface = \"restt\"
git_path = \"yes\"
method = { prefx = \"GE\" }
[[after]]
id = \"bearer\"
reason = \"r\"
when = { scheme = \"digest\" }
credential = \"unknown\"
grade = \"weak\"
outcom = \"accepted\"
[[befor]]
";
    assert_eq!(
        faults(text),
        [
            "own.toml:2: before[0].id: `Vault Tokens` is no id: lower-case letters, digits and hyphens, at most 64",
            "own.toml:3: before[0].reason: must not be empty",
            "own.toml:4: before[0].when.user_agnet: unknown key; did you mean `user_agent`?",
            "own.toml:5: before[0].credential: `api_tokn` is not known; did you mean `api_token`?",
            "own.toml:13: before[1].when.job.regex: character 8 of the pattern: \\d, \\w and \\s differ from engine to engine: \
             write [0-9], [A-Za-z0-9_] or [ \\t]",
            "own.toml:14: before[1].when.path.regex: character 1 of the pattern: unclosed group",
            "own.toml:15: before[1].when.host: is an empty list: nothing would ever match",
            "own.toml:16: before[1].when.message.contains: holds an empty text, or 0",
            "own.toml:17: before[1].when.client_ip.network: `10.20.0.0/33` is no network: write \"10.20.0.0/16\", or one address",
            "own.toml:18: before[1].when.status: must be a number, or a list of numbers: [401, 410]",
            "own.toml:19: before[1].when.uses: holds an empty text, or 0",
            "own.toml:19: before[1].when.uses: 0 is out of range: 1 to 4294967295",
            "own.toml:20: before[1].when.surface: `restt` is not known; did you mean `rest`?",
            "own.toml:21: before[1].when.git_path: must be true or false",
            "own.toml:22: before[1].when.method.present: nothing is asked: write { prefix = [\"…\"] }, { contains = … }, { regex = … }, \
             { present = true }",
            "own.toml:22: before[1].when.method.prefx: unknown key; did you mean `prefix`?",
            "own.toml:28: after[0].grade: the credential `unknown` and the grade `none` belong together",
            "own.toml:29: after[0].outcom: unknown key; did you mean `outcome`?",
            "own.toml:30: befor: unknown key; did you mean `before`?",
        ]
    );
}

#[test]
fn a_rule_that_an_earlier_one_leaves_nothing_to_match_is_refused() {
    let after = |when: &str| before(when).replace("[[before]]", "[[after]]");
    for (when, by) in [
        ("{ scheme = \"bearer\" }", "bearer"),
        ("{ scheme = \"bearer\", status = 401, host = { prefix = \"api.\" } }", "bearer"),
        ("{ secret_prefix = { prefix = [\"ATBB\", \"ATBBx\"] } }", "prefix-app-password"),
        ("{ secret_prefix = \"ATATT\" }", "prefix-api-token"),
        ("{ message = { contains = \"error CHANGE-3222:\" } }", "change-3222"),
        ("{ message = \"remote: App passwords are deprecated\" }", "change-3222"),
        ("{ auth_type = { one_of = [\"auth-token-for-2LO\"] } }", "auth-type-oauth"),
        ("{ scheme = \"basic\", username = [\"a\", \"b\"], status = 200, window = \"published\" }", "basic-nickname-in-window"),
        ("{ scheme = \"basic\", username = \"a\", status = 401, window = \"any\" }", "basic-nickname-refused-in-window"),
    ] {
        let found = faults(&after(when)).concat();
        assert!(
            found.contains(&format!("own.toml:4: after[0].when: is never reached: the rule `{by}` before it")),
            "{when}: {found}"
        );
    }
    for reachable in [
        "{ scheme = [\"bearer\", \"digest\"] }",
        "{ secret_prefix = { prefix = \"ATA\" } }",
        "{ message = { contains = \"CHANGE\" } }",
        "{ scheme = \"basic\", username = \"x@y\", status = 200, window = \"published\" }",
    ] {
        assert!(Rules::with_additions("own.toml", &after(reachable)).is_ok(), "{reachable}");
    }
    let second = |first: &str, second: &str| faults(&(before(first) + &before(second).replace("\"own\"", "\"two\""))).concat();
    for (first, later) in [
        ("{ client_ip = \"10.0.0.0/8\" }", "{ client_ip = { network = \"10.20.0.0/16\" }, status = 401 }"),
        ("{ job = { regex = 'x[0-9]' } }", "{ job = { regex = 'x[0-9]' }, scheme = \"basic\" }"),
        ("{ job = { regex = 'x[0-9]' } }", "{ job = [\"x1\", \"ax2\"] }"),
        ("{ job = { present = true } }", "{ job = { prefix = \"a\" } }"),
        ("{ surface = [\"git\", \"rest\"] }", "{ surface = \"rest\" }"),
    ] {
        let found = second(first, later);
        assert!(found.contains("own.toml:10: before[1].when: is never reached: the rule `own`"), "{later}: {found}");
    }
    assert!(faults(&before("{}")).concat().contains("when: matches everything"));
    assert!(faults(&before("{ time = \"after_removal\", window = \"any\" }")).concat().contains("never holds"));
    assert!(faults(&before("{ job = { one_of = \"a\", prefix = \"b\" } }")).concat().contains("no value of `job`"));
    let twice = before("{ job = \"a\" }") + &before("{ job = \"b\" }");
    assert!(faults(&twice).concat().contains("own.toml:8: before[1].id: `own` is the id of another rule too"));
    let taken = before("{ job = \"a\" }").replace("\"own\"", "\"ssh\"");
    assert!(faults(&taken).concat().contains("`ssh` is the id of a compiled-in rule"));
}
