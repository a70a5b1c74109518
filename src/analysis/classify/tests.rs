use super::*;
use jiff::Timestamp;

use crate::evidence::{
    Credential, Grade, Operation, WindowKind,
    format::{Form, Format, Piece, parse_block},
};

const BEFORE: &str = "2026-06-08T12:00:00Z";
const PUBLISHED: &str = "2026-06-09T06:05:00Z";
const EXTRAPOLATED: &str = "2026-07-20T06:05:00Z";
const AFTER: &str = "2026-07-28T06:05:00Z";

fn classifier() -> Classifier {
    classifier_with(ClientCatalogue::builtin().expect("a valid catalogue"))
}

/// The rules do not look at clients; compiling the catalogue for every row would take most of the test's time.
fn without_clients() -> Classifier {
    classifier_with(ClientCatalogue::parse("client = []").expect("an empty catalogue"))
}

fn classifier_with(catalogue: ClientCatalogue) -> Classifier {
    let calendar = Campaign::builtin("builtin:bitbucket-app-passwords").expect("compiled in");
    let networks = NamedNetworks::new(vec![("10.20.0.0/16".parse().expect("a network"), "build-farm".to_owned())]);
    Classifier::new(
        Rules::builtin().expect("valid rules"),
        catalogue,
        networks,
        Campaign::parse(calendar).expect("a valid campaign"),
    )
}

fn at(time: &str) -> Sighting<'static> {
    Sighting::at(time.parse().expect("an instant"))
}

/// Sets fields from `key=value` words; the last word's value may hold spaces.
fn with(time: &str, words: &'static [&'static str]) -> Sighting<'static> {
    let mut made = at(time);
    for word in words {
        let (key, value) = word.split_once('=').expect("key=value");
        let text = Some(Cow::Borrowed(value));
        match key {
            "message" => made.message = text,
            "prefix" => made.secret_prefix = text,
            "auth" => made.auth_type = text,
            "user" => made.username = text,
            "scheme" => made.scheme = text,
            "host" => made.host = text,
            "path" => made.path = text,
            "status" => made.status = value.parse().ok(),
            _ => panic!("{key} is no key of this table"),
        }
    }
    made
}

fn judged(sighting: &Sighting<'_>) -> (String, Verdict) {
    let classifier = without_clients();
    let verdict = classifier.classify(sighting).verdict;
    (classifier.rules().ids().nth(usize::from(verdict.rule)).expect("a rule").to_owned(), verdict)
}

const GIT: &[&str] = &["scheme=basic", "user=mtessel", "host=bitbucket.org", "path=/acme/pay.git/info/refs", "status=200"];
const GIT_401: &[&str] = &["scheme=basic", "user=mtessel", "host=bitbucket.org", "path=/acme/pay.git/info/refs", "status=401"];
const REST: &[&str] = &["scheme=basic", "user=mtessel", "host=api.bitbucket.org", "path=/2.0/user", "status=200"];

/// One row of the contract's table (section 5): the rule, its verdict, an example and a near miss that it must not take.
struct Row {
    rule: &'static str,
    verdict: (Credential, Grade, Outcome),
    example: (&'static str, &'static [&'static str]),
    near_miss: (&'static str, &'static [&'static str]),
}

fn row(
    rule: &'static str,
    verdict: (Credential, Grade, Outcome),
    example: (&'static str, &'static [&'static str]),
    near_miss: (&'static str, &'static [&'static str]),
) -> Row {
    Row { rule, verdict, example, near_miss }
}

fn rows_of_what_the_answer_says() -> Vec<Row> {
    use Credential::{AccountPassword, ApiToken, AppPassword};
    use Grade::Proven;
    use Outcome::Rejected;
    const UNSCOPED: &[&str] = &["user=m", "status=401", "message=remote: API Token provided has no Bitbucket scopes."];
    const NAMELESS: &[&str] =
        &["user=m", "scheme=basic", "status=401", "message=API token must be used with an atlassian registered email"];
    vec![
        row(
            "change-3222",
            (AppPassword, Proven, Rejected),
            (BEFORE, &["status=401", "message=remote: Change-3222 - Functionality has been deprecated"]),
            (BEFORE, &["user=m", "message=remote: API Token provided has no Bitbucket scopes."]),
        ),
        row(
            "change-3222",
            (AppPassword, Proven, Rejected),
            (AFTER, &["auth=api-token", "message=APP PASSWORDS ARE DEPRECATED and must be replaced"]),
            (AFTER, &["user=m", "message=CHANGE-2770 - Functionality has been deprecated"]),
        ),
        row(
            "refused-api-token",
            (ApiToken, Proven, Rejected),
            (PUBLISHED, UNSCOPED),
            (PUBLISHED, &["user=m", "message=an API token is needed"]),
        ),
        row(
            "refused-api-token",
            (ApiToken, Proven, Rejected),
            (PUBLISHED, NAMELESS),
            (PUBLISHED, &["user=m", "message=CHANGE-3222: an API token must be used"]),
        ),
        row(
            "refused-account-password",
            (AccountPassword, Proven, Rejected),
            (
                PUBLISHED,
                &["user=m", "scheme=basic", "status=401", "message=… recently Stopped supporting account passwords for API …"],
            ),
            (PUBLISHED, &["user=m", "scheme=basic", "status=401", "message=account passwords"]),
        ),
    ]
}

fn rows_that_name_the_credential() -> Vec<Row> {
    use Credential::{AccessToken, ApiToken, AppPassword, Connect, Container, Oauth, Session};
    use Grade::{Proven, Weak};
    use Outcome::{Accepted, Rejected};
    vec![
        row(
            "prefix-app-password",
            (AppPassword, Proven, Accepted),
            (AFTER, &["prefix=ATBB", "status=200"]),
            (AFTER, &["status=200"]),
        ),
        row(
            "prefix-api-token",
            (ApiToken, Proven, Accepted),
            (AFTER, &["prefix=ATATT3xFf", "user=mtessel", "scheme=basic", "status=200"]),
            (AFTER, &["prefix=ATTA", "user=mtessel", "scheme=basic", "status=200"]),
        ),
        row(
            "prefix-access-token",
            (AccessToken, Proven, Accepted),
            (BEFORE, &["prefix=ATCTT3xFf", "user=x-token-auth", "status=200"]),
            (BEFORE, &["prefix=atct", "user=x-token-auth", "status=200"]),
        ),
        row(
            "prefix-api-token",
            (ApiToken, Proven, Rejected),
            (BEFORE, &["prefix=ATAT", "status=401"]),
            (BEFORE, &["prefix=ATCT"]),
        ),
        row(
            "prefix-access-token",
            (AccessToken, Proven, Accepted),
            (BEFORE, &["prefix=ATCT", "status=204"]),
            (BEFORE, &["prefix=ATBB"]),
        ),
        row("auth-type-api-token", (ApiToken, Proven, Accepted), (BEFORE, &["auth=api-token"]), (BEFORE, &["auth=api_token"])),
        row(
            "auth-type-oauth",
            (Oauth, Proven, Accepted),
            (BEFORE, &["auth=auth-token-for-2LO"]),
            (BEFORE, &["auth=auth-token-for-4LO"]),
        ),
        row("auth-type-oauth", (Oauth, Proven, Accepted), (BEFORE, &["auth=auth-token-for-3LO"]), (BEFORE, &["auth=oauth"])),
        row("auth-type-connect", (Connect, Proven, Accepted), (BEFORE, &["auth=connect-token"]), (BEFORE, &["auth=connect"])),
        row(
            "auth-type-container",
            (Container, Proven, Accepted),
            (BEFORE, &["auth=container-token"]),
            (BEFORE, &["auth=container"]),
        ),
        row("auth-type-session", (Session, Proven, Accepted), (BEFORE, &["auth=session"]), (BEFORE, &["auth=passkey"])),
        row(
            "username-api-token",
            (ApiToken, Proven, Rejected),
            (BEFORE, &["user=x-bitbucket-api-token-auth", "scheme=basic", "status=401"]),
            (BEFORE, &["user=x-bitbucket-api-token", "scheme=basic", "status=401"]),
        ),
        row(
            "username-access-token",
            (AccessToken, Weak, Accepted),
            (BEFORE, &["user=x-token-auth", "scheme=basic", "status=200"]),
            (BEFORE, &["user=token-auth", "scheme=basic", "status=200"]),
        ),
        row(
            "bearer",
            (Oauth, Weak, Accepted),
            (BEFORE, &["scheme=bearer", "status=200"]),
            (BEFORE, &["scheme=jwt", "status=200"]),
        ),
    ]
}

fn rows_that_follow_from_the_place() -> Vec<Row> {
    use Credential::{ApiToken, AppPassword, Oauth, SshKey, Unknown};
    use Grade::{None, Proven, Strong, Weak};
    use Outcome::{Accepted, Rejected};
    const GIT_410: &[&str] = &["host=bitbucket.org", "path=/acme/pay.git/git-upload-pack", "status=410", "user=mtessel"];
    const REST_410: &[&str] = &["host=api.bitbucket.org", "path=/2.0/teams/acme", "status=410", "user=mtessel", "scheme=basic"];
    const GONE: &[&str] = &["host=bitbucket.org", "path=/acme/pay.git/git-upload-pack", "status=410", "message=Gone"];
    const MAIL: &[&str] = &["scheme=basic", "user=m@example.test", "host=api.bitbucket.org", "path=/2.0/user", "status=401"];
    const MAIL_GIT: &[&str] = &["scheme=basic", "user=m@example.test", "host=bitbucket.org", "path=/acme/p", "status=401"];
    const EXCHANGE: &[&str] =
        &["scheme=basic", "user=Xk7Consumer", "host=bitbucket.org", "path=/site/oauth2/access_token", "status=200"];
    const EXCHANGE_401: &[&str] =
        &["scheme=basic", "user=Xk7Consumer", "host=bitbucket.org", "path=/site/oauth2/access_token", "status=401"];
    const AUTHORIZE: &[&str] = &["user=mtessel", "host=bitbucket.org", "path=/site/oauth2/authorize", "status=200"];
    const NO_SCHEME: &[&str] = &["user=mtessel", "host=api.bitbucket.org", "path=/2.0/user", "status=200"];
    const REST_403: &[&str] = &["scheme=basic", "user=mtessel", "host=api.bitbucket.org", "path=/2.0/user", "status=403"];
    vec![
        row("git-410", (AppPassword, Strong, Rejected), (AFTER, GIT_410), (AFTER, REST_410)),
        row("git-410", (AppPassword, Strong, Rejected), (BEFORE, GIT_410), (BEFORE, GONE)),
        row("basic-oauth-consumer", (Oauth, Proven, Accepted), (BEFORE, EXCHANGE), (BEFORE, AUTHORIZE)),
        row("basic-oauth-consumer", (Oauth, Proven, Rejected), (PUBLISHED, EXCHANGE_401), (PUBLISHED, GIT_401)),
        row("basic-email-rest", (ApiToken, Strong, Rejected), (BEFORE, MAIL), (BEFORE, MAIL_GIT)),
        row("basic-nickname-in-window", (ApiToken, Strong, Accepted), (PUBLISHED, GIT), (EXTRAPOLATED, GIT)),
        row("basic-nickname-after-removal", (ApiToken, Strong, Accepted), (AFTER, REST), (AFTER, REST_403)),
        row("basic-nickname-rest", (AppPassword, Strong, Accepted), (EXTRAPOLATED, REST), (BEFORE, NO_SCHEME)),
        row("basic-nickname-git", (AppPassword, Weak, Accepted), (BEFORE, GIT), (AFTER, GIT)),
        row("basic-nickname-refused-in-window", (AppPassword, Weak, Rejected), (EXTRAPOLATED, GIT_401), (BEFORE, GIT_401)),
        row("basic-nickname-refused-in-window", (AppPassword, Weak, Rejected), (PUBLISHED, GIT_401), (AFTER, GIT_401)),
        row("ssh", (SshKey, Proven, Outcome::Unknown), (BEFORE, &["scheme=ssh"]), (BEFORE, &["host=bitbucket.org:443"])),
        row("ssh", (SshKey, Proven, Outcome::Unknown), (BEFORE, &["host=bitbucket.org:22"]), (BEFORE, &["user=git"])),
        row(
            "ssh",
            (SshKey, Proven, Outcome::Unknown),
            (AFTER, &["host=altssh.bitbucket.org:443"]),
            (AFTER, &["host=api.bitbucket.org:22"]),
        ),
        row("unknown", (Unknown, None, Rejected), (AFTER, GIT_401), (AFTER, GIT)),
        row("unknown", (Unknown, None, Outcome::Unknown), (AFTER, REST_410), (AFTER, GIT_410)),
    ]
}

#[test]
fn every_base_rule_takes_its_sign_and_leaves_the_near_miss() {
    let rows = [rows_of_what_the_answer_says(), rows_that_name_the_credential(), rows_that_follow_from_the_place()];
    let rows: Vec<Row> = rows.into_iter().flatten().collect();
    for Row { rule, verdict, example, near_miss } in &rows {
        let (id, found) = judged(&with(example.0, example.1));
        assert_eq!((id.as_str(), (found.credential, found.grade, found.outcome)), (*rule, *verdict), "{example:?}");
        assert_ne!(judged(&with(near_miss.0, near_miss.1)).0, *rule, "{near_miss:?}");
    }
    let untested: Vec<_> =
        without_clients().rules().ids().filter(|id| !rows.iter().any(|row| row.rule == *id)).map(str::to_owned).collect();
    assert_eq!(untested, Vec::<String>::new());
}

#[test]
fn what_git_prints_of_a_refused_api_token_is_no_sign_of_an_app_password() {
    let bytes = include_bytes!("../../../tests/data/evidence/transcripts/other_refusals.log");
    let inside: Timestamp = PUBLISHED.parse().expect("an instant");
    let ms = inside.as_millisecond();
    let piece = Piece { bytes, header: bytes, path: "x.log", changed_ms: ms };
    let form = Form::new(Format::Transcript);
    let page = parse_block(piece, &form, ms);
    let found: Vec<_> = page.sightings.iter().map(judged).map(|(rule, it)| (rule, it.credential, it.outcome)).collect();
    let refused = |rule: &str| (rule.to_owned(), Credential::ApiToken, Outcome::Rejected);
    assert_eq!(found, [refused("refused-api-token"), refused("username-api-token")]);
}

#[test]
fn the_fingerprint_changes_with_all_that_evidence_is_judged_by_and_with_nothing_else() {
    let campaign = Campaign::parse(Campaign::builtin("builtin:bitbucket-app-passwords").expect("compiled in")).expect("valid");
    let own = |reason: &str| {
        format!(
            "[[before]]\nid = \"own\"\nreason = {reason:?}\nwhen = {{ job = \"x\" }}\ncredential = \"oauth\"\ngrade = \"weak\"\n"
        )
    };
    let ours = |reason: &str| Rules::with_additions("own.toml", &own(reason)).expect("valid");
    let builtin = || Rules::builtin().expect("valid");
    let empty = || ClientCatalogue::parse("client = []").expect("valid");
    let network = |name: &str| NamedNetworks::new(vec![("10.20.0.0/16".parse().expect("a network"), name.to_owned())]);
    let moved = Campaign { removal: "2026-09-01T00:00:00Z".parse().expect("an instant"), ..campaign.clone() };
    let shorter = Campaign { windows: campaign.windows[1..].to_vec(), ..campaign.clone() };
    let all = [
        Classifier::new(builtin(), empty(), network("a"), campaign.clone()),
        Classifier::new(ours("one"), empty(), network("a"), campaign.clone()),
        Classifier::new(builtin(), ClientCatalogue::builtin().expect("valid"), network("a"), campaign.clone()),
        Classifier::new(builtin(), empty(), network("b"), campaign.clone()),
        Classifier::new(builtin(), empty(), network("a"), moved),
        Classifier::new(builtin(), empty(), network("a"), shorter),
    ];
    let different: std::collections::BTreeSet<_> = all.iter().map(Classifier::fingerprint).collect();
    assert_eq!(different.len(), all.len());
    let same = Classifier::new(ours("in other words"), empty(), network("a"), Campaign { name: "x".to_owned(), ..campaign });
    assert_eq!(same.with_maximum_grade(Grade::Weak).fingerprint(), all[1].fingerprint());
}

#[test]
fn windows_include_their_start_exclude_their_end_and_stop_at_the_removal() {
    let rule = |time, words| judged(&with(time, words)).0;
    assert_eq!(rule("2026-06-08T23:59:59.999Z", GIT), "basic-nickname-git");
    assert_eq!(rule("2026-06-09T00:00:00Z", GIT), "basic-nickname-in-window");
    assert_eq!(rule("2026-06-09T00:14:59.999Z", GIT), "basic-nickname-in-window");
    assert_eq!(rule("2026-06-09T00:15:00Z", GIT), "basic-nickname-git");
    assert_eq!(rule("2026-06-09T00:00:00Z", GIT_401), "basic-nickname-refused-in-window");
    assert_eq!(rule("2026-06-09T00:15:00Z", GIT_401), "unknown");
    assert_eq!(rule("2026-07-27T23:59:59.999Z", REST), "basic-nickname-rest");
    assert_eq!(rule("2026-07-28T00:00:00Z", REST), "basic-nickname-after-removal");
    assert_eq!(judged(&with(PUBLISHED, GIT)).1.window, WindowKind::Published);
    assert_eq!(judged(&with(EXTRAPOLATED, GIT)).1.window, WindowKind::Extrapolated);
    assert_eq!(judged(&with(AFTER, GIT)).1.window, WindowKind::Outside);
}

#[test]
fn a_401_without_credentials_is_the_opening_move_of_git() {
    let opening = &["host=bitbucket.org", "path=/acme/pay.git/info/refs", "status=401"];
    let (rule, verdict) = judged(&with(PUBLISHED, opening));
    assert_eq!((rule.as_str(), verdict.outcome, verdict.authentication), ("unknown", Outcome::Unknown, false));
    for credential in ["user=mtessel", "prefix=ATBB", "scheme=negotiate", "auth=passkey"] {
        let mut words = opening.to_vec();
        words.push(credential);
        let (_, verdict) = judged(&with(BEFORE, words.leak()));
        assert_eq!((verdict.outcome, verdict.authentication), (Outcome::Rejected, true), "{credential}");
    }
    let told = &["host=bitbucket.org", "path=/acme/pay.git/info/refs", "status=401", "message=CHANGE-3222"];
    assert!(judged(&with(PUBLISHED, told)).1.authentication);
}

#[test]
fn what_everybody_may_read_and_what_only_names_people_signs_nobody_in() {
    assert!(!judged(&with(BEFORE, &["host=bitbucket.org", "path=/acme/open.git/info/refs", "status=200"])).1.authentication);
    let mut identity = with(BEFORE, &["auth=api-token", "user=mtessel"]);
    identity.authentication = false;
    let (rule, verdict) = judged(&identity);
    assert_eq!((rule.as_str(), verdict.credential, verdict.authentication), ("unknown", Credential::Unknown, false));
}

#[test]
fn statuses_say_the_outcome() {
    let outcome = |words| judged(&with(BEFORE, words)).1.outcome;
    assert_eq!(outcome(&["user=m", "status=399"]), Outcome::Accepted);
    assert_eq!(outcome(&["user=m", "status=401"]), Outcome::Rejected);
    assert_eq!(outcome(&["user=m", "status=410", "host=api.bitbucket.org", "path=/2.0/teams/acme"]), Outcome::Unknown);
    assert_eq!(outcome(&["user=m", "status=403"]), Outcome::Unknown);
    assert_eq!(outcome(&["user=m", "auth=passkey"]), Outcome::Accepted);
    assert_eq!(outcome(&["user=m"]), Outcome::Unknown);
}

#[test]
fn client_origin_and_place_are_named() {
    let classifier = classifier();
    let mut sighting = with(BEFORE, &["host=bitbucket.org", "path=/ACME/Pay.git/git-receive-pack", "user=m"]);
    sighting.user_agent = Some("git/2.45.1".into());
    sighting.client_ip = "198.51.100.7".parse().ok();
    for _ in 0..2 {
        let found = classifier.classify(&sighting);
        assert_eq!((found.client, found.origin), (Some("git-cli"), OriginRef::Roaming));
        assert_eq!((found.workspace.as_deref(), found.repository.as_deref()), (Some("acme"), Some("pay")));
        assert_eq!(found.verdict.operation, Operation::GitWrite);
    }
    sighting.client_ip = "10.20.3.4".parse().ok();
    sighting.user_agent = Some("nobody/1".into());
    sighting.repository = Some("given".into());
    let found = classifier.classify(&sighting);
    assert_eq!((found.client, found.origin), (Some("unknown"), OriginRef::Network("build-farm")));
    assert_eq!(found.repository.as_deref(), Some("given"));
}

#[test]
fn a_source_that_is_not_trusted_beyond_a_grade_is_lowered_to_it_and_never_raised() {
    let proven = with(BEFORE, &["prefix=ATBB"]);
    let weak = with(BEFORE, GIT);
    for (maximum, expected) in [
        (Grade::Proven, [Grade::Proven, Grade::Weak]),
        (Grade::Strong, [Grade::Strong, Grade::Weak]),
        (Grade::Weak, [Grade::Weak; 2]),
    ] {
        let classifier = without_clients().with_maximum_grade(maximum);
        let verdicts = [&proven, &weak].map(|sighting| classifier.classify(sighting).verdict);
        assert_eq!(verdicts.map(|verdict| verdict.grade), expected, "{maximum}");
        assert_eq!(verdicts.map(|verdict| verdict.credential), [Credential::AppPassword; 2]);
    }
}
