//! People under pseudonyms: no document names a human, and machines keep their names.

use super::fixture::{World, acme, file, integration};
use crate::{
    analysis::{NameState, Person as Shown, TokenFinding, Waiver},
    evidence::{Category, DirectoryEntry, Member, Person, Status},
    report::{Audience, alarm, calendar, csv, event, html, json, letter, text},
};

const HUMANS: [[&str; 4]; 2] = [
    ["Mara Tessel", "mara@acme.test", "mtessel", "712020:k7m2qd4x"],
    ["Ivo Brandt", "ivo.brandt@acme.test", "ibrandt", "712020:u9x4w2kd"],
];

fn person([name, email, nickname, account]: [&str; 4]) -> Person {
    Person {
        account_id: Some(account.to_owned()),
        uuid: Some(format!("{{{nickname}-uuid}}")),
        nickname: Some(nickname.to_owned()),
        display_name: Some(name.to_owned()),
        email: Some(email.to_owned()),
    }
}

/// The organisation with two humans, whose names stand wherever somebody may write one, and two machines.
fn watched() -> World {
    let mut world = acme();
    world.pseudonyms = true;
    for human in HUMANS {
        let member = Member { workspace: "acme".to_owned(), person: person(human), permission: None, last_accessed: None };
        world.roster.members.push(member);
    }
    world.roster.directory.push(DirectoryEntry { person: person(HUMANS[0]), team: Some("payments".to_owned()) });
    let everywhere = HUMANS.map(|names| names.join(" and ")).join("; ");
    let tell = || format!("seen with {everywhere}");
    let rows = &mut world.campaign().integrations;
    for row in rows.iter_mut() {
        row.reasons.insert(0, tell());
        row.owner_why = Some(tell());
        row.origin = "job of mtessel/nightly".to_owned();
        row.repositories.push("acme/ibrandt-dotfiles".to_owned());
        row.terms[0].words = tell();
        row.returned = true;
    }
    let mut machine = integration("svc7bot2", 6, Status::Active);
    machine.user = Shown {
        id: "712020:svc".to_owned(),
        name: Some("svc-mirror".to_owned()),
        email: Some("svc-mirror@acme.test".to_owned()),
    };
    (machine.machine, machine.category, machine.name_state) = (Some(true), Category::Ci, NameState::Resolved);
    rows.push(machine.clone());
    // A human's nightly job is a human's: the name says so.
    let mut nightly = integration("hum7jo2b", 7, Status::Active);
    (nightly.machine, nightly.category) = (Some(true), Category::Ci);
    nightly.user =
        Shown { id: HUMANS[1][3].to_owned(), name: Some(HUMANS[1][0].to_owned()), email: Some(HUMANS[1][1].to_owned()) };
    rows.push(nightly);
    world.findings.tokens[0].label = "mara's laptop".to_owned();
    world.findings.tokens[0].user.id = HUMANS[0][3].to_owned();
    let registered = TokenFinding {
        token: "vault/mtessel: mtessel nightly".to_owned(),
        label: "mtessel nightly".to_owned(),
        user: Shown::default(),
        owner: Some("Ivo Brandt".to_owned()),
        listed_by: "import/register".to_owned(),
        ..world.findings.tokens[0].clone()
    };
    world.findings.tokens.push(registered);
    for change in &mut world.changes {
        change.reason = tell();
    }
    world.fresh = 2;
    world.policy.waivers.push(Waiver {
        requester: "Jo Unlisted".to_owned(),
        approver: "Ivo Brandt".to_owned(),
        ..world.policy.waivers[0].clone()
    });
    world.journal[0].detail = tell();
    world.unknown[0].value = "mtessel".to_owned();
    world.sources[0].skipped[0].sample = tell();
    world.sources[1].last_failure = world.sources[1].last_failure.take().map(|(at, _)| (at, tell()));
    for interval in world.ledger.sources.values_mut().flatten() {
        interval.reason = tell();
    }
    world
}

/// Everything that leaves, by name.
fn documents(world: &World) -> Vec<(String, String)> {
    let report = world.report();
    let (digest, brief) = (letter::digest(&report), letter::brief(&report));
    let news: Vec<_> =
        alarm::returned(&report).into_iter().map(|alarm| crate::report::AlarmNews { alarm, until: None }).collect();
    let events = [event::changes(&report, |_| true), event::alarms(&news, report.now)].concat();
    let mut documents = vec![
        ("page".to_owned(), html::page(&report)),
        ("summary".to_owned(), text::summary(&report, 200)),
        ("json".to_owned(), json::text(&report)),
        ("digest".to_owned(), format!("{}\n{}\n{}", digest.subject, digest.text, digest.html)),
        ("brief".to_owned(), format!("{}\n{}\n{}", brief.subject, brief.text, brief.html)),
        ("calendar".to_owned(), calendar::document(&report.calendar).replace("\r\n ", "")),
        ("alarms".to_owned(), alarm::letter(&news, &world.timezone).text),
        ("events".to_owned(), events.iter().flat_map(|event| [event.about.as_str(), " ", &event.body, "\n"]).collect()),
        ("metrics".to_owned(), format!("{:?}", report.figures)),
        ("charts".to_owned(), report.campaigns.iter().map(crate::report::chart::alt).collect()),
    ];
    documents.extend(csv::names().map(|name| (name.to_owned(), file(&report, name))));
    documents
}

#[test]
fn no_document_names_a_human_and_machines_keep_their_names() {
    let world = watched();
    let documents = documents(&world);
    for (name, document) in &documents {
        let document = document.to_lowercase();
        for names in HUMANS {
            for known in names.iter().chain(&["jo unlisted", "mara's laptop", "mtessel-uuid"]) {
                assert!(!document.contains(&known.to_lowercase()), "{name} holds {known}");
            }
        }
    }
    let of = |wanted: &str| &documents.iter().find(|(name, _)| name == wanted).expect("it is there").1;
    assert!(of("integrations.csv").contains("712020:svc,svc-mirror,svc-mirror@acme.test"));
    assert!(of("page").contains("person-") && of("digest").contains("person-") && of("events").contains("person-"));
    assert!(of("tokens.csv").contains("label-"));
}

#[test]
fn a_pseudonym_is_the_same_everywhere_and_under_another_key_another_one() {
    let world = watched();
    let report = world.report();
    let user =
        |id: &str| report.campaigns[0].integrations.iter().find(|row| row.integration == id).expect("it is there").user.clone();
    let mara = user("k7m2qd4x");
    assert!(mara.starts_with("person-") && mara.len() == 17, "{mara}");
    assert!(report.users.iter().any(|row| row.user == mara) && report.authentications.of(|user, _| user != mara).is_empty());
    assert!(report.users.is_sorted_by(|a, b| a.user <= b.user));
    assert_eq!(watched().report().campaigns[0].integrations[0].user, report.campaigns[0].integrations[0].user);
    assert_eq!(user("hum7jo2b"), report.users.iter().find(|row| row.observed == Some(false)).expect("Ivo").user);
}

#[test]
fn a_text_that_somebody_else_wrote_tells_no_pseudonym() {
    let mut world = watched();
    world.unknown[0].value = "agent-of-mtessel".to_owned();
    for row in world.campaign().integrations.iter_mut().filter(|row| ["svc7bot2", "hum7jo2b"].contains(&row.id.as_str())) {
        row.origin = "job of mtessel/nightly".to_owned();
        row.repositories = vec!["acme/ibrandt-dotfiles".to_owned(), "acme/mtessel-dotfiles".to_owned()];
    }
    let report = world.report();
    let row = |id: &str| report.campaigns[0].integrations.iter().find(|row| row.integration == id).expect("it is there");
    let (mara, ivo, machine) = (row("k7m2qd4x"), row("hum7jo2b"), row("svc7bot2"));
    assert!(mara.user.starts_with("person-") && ivo.user.starts_with("person-") && mara.user != ivo.user);
    assert_eq!(mara.origin, format!("job of {}/nightly", mara.user), "one's own name in one's own row");
    assert!(ivo.repositories.contains(&format!("acme/{}-dotfiles", ivo.user)), "{:?}", ivo.repositories);
    for row in [ivo, machine] {
        let told = format!("{:?}{:?}{:?}", row.origin, row.repositories, row.reasons).replace(&ivo.user, "");
        assert!(row.user == ivo.user || !format!("{:?}", row.repositories).contains(&ivo.user));
        assert!(!told.contains(&mara.user) && told.contains("job of somebody/nightly"), "{told}");
    }
    let coverage = format!("{:?}{:?}", report.unknown, report.coverage);
    assert!(!coverage.contains(&mara.user) && coverage.contains("agent-of-somebody"), "{coverage}");
}

#[test]
fn by_name_everything_is_as_it_was() {
    let mut world = watched();
    world.pseudonyms = false;
    assert!(html::page(&world.report()).contains("Mara Tessel"));
    let notice = crate::report::notice::of(&world.report(), "payments", &world.clients);
    let shown = letter::notice(&notice, "").text;
    assert!(shown.contains("Mara Tessel"), "{shown}");
    world.pseudonyms = true;
    let notice = crate::report::notice::of(&world.report(), "payments", &world.clients);
    let hidden = letter::notice(&notice, "");
    assert_eq!(hidden.audience, Audience::Owner("payments".to_owned()));
    assert!(!hidden.text.contains("Mara Tessel") && !hidden.html.contains("Mara Tessel"));
}
