//! What goes out at once, to people and to programs.

use serde_json::Value;

use super::fixture::{CAMPAIGN, acme, at};
use crate::report::{Alarm, AlarmKind, AlarmNews, alarm, event};

fn news(kind: AlarmKind, about: &str, until: Option<&str>) -> AlarmNews {
    let alarm =
        Alarm { kind, about: about.to_owned(), since: at("2026-07-03T06:00:00Z"), reason: "401: <b>revoked</b>".to_owned() };
    AlarmNews { alarm, until: until.map(at) }
}

#[test]
fn an_alarm_says_what_since_when_why_and_what_to_do() {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("a known zone");
    let letter = alarm::letter(&[news(AlarmKind::SourceDown, "audit/acme", None)], &zone);
    assert_eq!(letter.subject, "[duskwatch] alarm: audit/acme is not read");
    assert!(
        letter
            .text
            .starts_with("Audit/acme is not read\nSince 3 Jul 2026 08:00 CEST.\nWhy: 401: <b>revoked</b>\nLook at /readyz")
    );
    assert!(letter.html.contains("Why: 401: &lt;b&gt;revoked&lt;&#x2f;b&gt;"), "{}", letter.html);
}

#[test]
fn several_are_one_mail_that_is_named_after_the_first_that_begins() {
    let over = news(AlarmKind::Undeliverable, "security", Some("2026-07-03T08:00:00Z"));
    let store = news(AlarmKind::StoreFailing, "store", None);
    let back = news(AlarmKind::Returned, "bitbucket-app-passwords/k7m2qd4x", None);
    let subject = |news: &[AlarmNews]| alarm::letter(news, &jiff::tz::TimeZone::UTC).subject;
    assert_eq!(subject(std::slice::from_ref(&over)), "[duskwatch] over: the report for security arrives again");
    assert_eq!(subject(&[over.clone(), store.clone()]), "[duskwatch] alarms: 1 new, 1 over: the store fails and more");
    assert_eq!(
        subject(&[back, store]),
        "[duskwatch] 2 alarms: integration k7m2qd4x is back: it was done and is used again and more"
    );
}

#[test]
fn what_is_back_is_an_alarm_as_long_as_it_is() {
    let mut world = acme();
    assert_eq!(alarm::returned(&world.report()), []);
    world.campaign().integrations[1].returned = true;
    let [found] = &alarm::returned(&world.report())[..] else { panic!("one is back") };
    assert_eq!(found.about, format!("{CAMPAIGN}/m3x9t2wq"));
    assert!(found.reason.starts_with("git command line from build-farm, owned by nobody: "), "{}", found.reason);
}

#[test]
fn a_change_leaves_with_its_row_and_the_first_judgement_is_no_change() {
    let mut world = acme();
    world.fresh = 2;
    let report = world.report();
    let events = event::changes(&report, |campaign| campaign == CAMPAIGN);
    let bodies: Vec<Value> = events.iter().map(|event| serde_json::from_str(&event.body).expect("JSON")).collect();
    assert_eq!(bodies.len(), 2);
    let (moved, found) = (&bodies[0], &bodies[1]);
    assert_eq!((&moved["type"], &moved["timestamp"]), (&"integration.changed".into(), &"2026-07-03T07:00:00Z".into()));
    assert_eq!((&moved["data"]["from"], &moved["data"]["to"]), (&"active".into(), &"failing".into()));
    assert_eq!((&moved["data"]["row"]["owner"], &moved["data"]["reason"]), (&"payments".into(), &"refused since 1 July".into()));
    assert_eq!((&found["data"]["from"], &found["data"]["cause"]), (&Value::Null, &"discovered".into()));
    assert!(event::changes(&report, |_| false).is_empty());
    let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
    assert!(ids[0] != ids[1] && ids.iter().all(|id| id.len() == 30 && id.starts_with("msg_")), "{ids:?}");
    assert_eq!(event::changes(&world.report(), |_| true), events);
}

#[test]
fn an_alarm_is_an_object_when_it_begins_and_when_it_is_over() {
    let both = [
        news(AlarmKind::SourceDown, "audit/acme", None),
        news(AlarmKind::SourceDown, "audit/acme", Some("2026-07-03T06:30:00Z")),
    ];
    let events = event::alarms(&both, at("2026-07-03T06:30:00Z"));
    let bodies: Vec<Value> = events.iter().map(|event| serde_json::from_str(&event.body).expect("JSON")).collect();
    assert_eq!(bodies.iter().map(|body| body["type"].as_str()).collect::<Vec<_>>(), [Some("alarm.begun"), Some("alarm.over")]);
    assert_eq!(bodies[0]["data"]["alarm"], "source_down");
    assert_eq!((&bodies[0]["data"]["until"], &bodies[1]["data"]["until"]), (&Value::Null, &"2026-07-03T06:30:00Z".into()));
    assert_ne!(events[0].id, events[1].id);
}
