use jiff::{Timestamp, ToSpan};

use super::{
    super::{GivenUp, NOT_CONFIGURED, NewMessage, OutboxSummary, Outgoing, Reader, Settled, Waiting},
    Fixture, at, noon,
};

pub fn digest(occurrence: Timestamp, recipients: &[&str]) -> NewMessage {
    NewMessage {
        channel: "mail".to_owned(),
        audience: "security".to_owned(),
        occurrence,
        message_id: "<1@duskwatch>".to_owned(),
        subject: "37 integrations".to_owned(),
        body: b"Subject: 37 integrations\r\n".to_vec(),
        recipients: recipients.iter().map(|r| (*r).to_owned()).collect(),
        late: false,
    }
}

fn settled(sent: u64, undeliverable: u64) -> Vec<Settled> {
    vec![Settled { channel: "mail".to_owned(), sent, undeliverable }]
}

async fn due(f: &Fixture, now: Timestamp) -> Vec<Outgoing> {
    f.read(move |r| r.due_recipients("mail", now, 10)).await
}

#[tokio::test]
async fn an_occurrence_is_prepared_once() {
    let f = Fixture::new();
    let enqueue = |message: NewMessage| f.write(move |w| w.enqueue(&message, noon()));
    assert!(enqueue(digest(at("2026-07-03T07:00:00Z"), &["a@example.test", "b@example.test"])).await);
    assert!(!enqueue(digest(at("2026-07-03T07:00:00Z"), &["c@example.test"])).await);
    assert!(enqueue(digest(at("2026-07-02T07:00:00Z"), &[])).await);
    assert_eq!(due(&f, noon()).await.len(), 2);
    let last = |audience: &'static str, now: Timestamp| f.read(move |r| r.last_occurrence("mail", audience, now));
    assert_eq!(last("security", noon()).await, Some(at("2026-07-03T07:00:00Z")));
    assert_eq!(last("security", at("2026-07-03T06:00:00Z")).await, Some(at("2026-07-02T07:00:00Z")), "the clock was ahead");
    assert_eq!(last("leadership", noon()).await, None);
}

#[tokio::test]
async fn an_alarm_goes_before_what_waits_longer() {
    let f = Fixture::new();
    let event = |kind: &str, number: u32| NewMessage {
        channel: "webhook".to_owned(),
        audience: format!("{kind} k7m2qd4x {number}"),
        subject: kind.to_owned(),
        ..digest(noon(), &["https://hooks.example.test"])
    };
    let changed = (0..60).map(|number| event("integration.changed", number)).collect::<Vec<_>>();
    let alarms = ["alarm.begun", "alarm.over"].map(|kind| event(kind, 60));
    f.write(move |w| changed.iter().try_for_each(|message| w.enqueue(message, noon()).map(drop))).await;
    f.write(move |w| alarms.iter().try_for_each(|message| w.enqueue(message, noon() + 1.seconds()).map(drop))).await;
    let due = f.read(|r| r.due_recipients("webhook", noon() + 1.seconds(), 50)).await;
    let subjects: Vec<&str> = due.iter().map(|message| message.subject.as_str()).take(3).collect();
    assert_eq!((due.len(), subjects), (50, vec!["alarm.begun", "alarm.over", "integration.changed"]));
    assert!(due[2..].is_sorted_by_key(|message| message.id), "and the rest as it came");
}

#[tokio::test]
async fn who_takes_nothing_keeps_nobody_else_waiting() {
    let f = Fixture::new();
    let event = |hook: &str, number: u32| NewMessage {
        channel: "webhook".to_owned(),
        audience: format!("integration.changed k7m2qd4x {number}"),
        ..digest(noon(), &[hook])
    };
    let events: Vec<_> = (0..60).map(|number| event("https://down.example.test", number)).collect();
    f.write(move |w| events.iter().try_for_each(|message| w.enqueue(message, noon()).map(drop))).await;
    let late = [60, 61].map(|number| event("https://well.example.test", number));
    f.write(move |w| late.iter().try_for_each(|message| w.enqueue(message, noon() + 1.seconds()).map(drop))).await;
    let due = f.read(|r| r.due_recipients("webhook", noon() + 1.seconds(), 50)).await;
    let well: Vec<_> = due.iter().filter(|message| message.recipient.contains("well")).map(|message| &message.audience).collect();
    assert_eq!(well, ["integration.changed k7m2qd4x 60", "integration.changed k7m2qd4x 61"]);
    assert_eq!(due.len(), 50);
}

#[tokio::test]
async fn who_asks_to_be_left_alone_is_sent_nothing_until_then_and_the_others_are() {
    let f = Fixture::new();
    let event = |hook: &str, number: u32| NewMessage {
        channel: "webhook".to_owned(),
        audience: format!("integration.changed k7m2qd4x {number}"),
        ..digest(noon(), &[hook])
    };
    let events = [event("rests", 1), event("rests", 2), event("well", 3), digest(noon(), &["rests"])];
    f.write(move |w| events.iter().try_for_each(|message| w.enqueue(message, noon()).map(drop))).await;
    let soon = noon() + 1.hour();
    f.write(move |w| w.rest("webhook", "rests", soon)).await;
    // Who asks for less has asked for more before.
    f.write(move |w| w.rest("webhook", "rests", soon - 1.minute())).await;
    let waiting = |at: Timestamp| f.read(move |r| Ok(r.due_recipients("webhook", at, 9)?.len()));
    assert_eq!((waiting(soon - 1.seconds()).await, waiting(soon).await), (1, 3));
    assert_eq!(due(&f, noon()).await.len(), 1, "another channel is another way");
}

#[tokio::test]
async fn who_is_not_written_to_any_more_makes_a_digest_no_undeliverable_one() {
    let f = Fixture::new();
    f.write(|w| w.enqueue(&digest(noon(), &["a@example.test", "b@example.test"]), noon())).await;
    let ids: Vec<i64> = due(&f, noon()).await.iter().map(|message| message.id).collect();
    let withdraw = |id: i64| f.write(move |w| w.withdraw(id, noon(), NOT_CONFIGURED));
    let state = || f.read(|r| r.mail_state("security"));
    withdraw(ids[0]).await;
    assert_eq!(state().await.map(|state| (state.pending, state.given_up, state.recipients)), Some((1, 0, 1)));
    let refused_id = ids[1];
    f.write(move |w| w.mark_failed(refused_id, noon(), None, "550 no such user")).await;
    let refused = state().await.expect("somebody was written to");
    assert_eq!((refused.pending, refused.given_up, refused.recipients), (0, 1, 1));
    assert_eq!(refused.failure, "550 no such user");
    let later = noon() + 1.hour();
    f.write(move |w| w.enqueue(&digest(later, &["a@example.test"]), later)).await;
    withdraw(due(&f, later).await[0].id).await;
    assert_eq!(state().await, None, "nobody got the newest, which is no sign that mail arrives");
}

#[tokio::test]
async fn a_refused_recipient_waits_while_the_other_is_done() {
    let f = Fixture::new();
    f.write(|w| w.enqueue(&digest(noon(), &["a@example.test", "b@example.test"]), noon())).await;
    let [first, second] = <[Outgoing; 2]>::try_from(due(&f, noon()).await).expect("two recipients");
    assert_eq!((first.recipient.as_str(), first.attempts, first.late), ("a@example.test", 0, false));
    let retry = noon() + 5.minutes();
    f.write(move |w| {
        w.begin_attempt(second.id)?;
        w.mark_sent(second.id, noon())?;
        w.begin_attempt(first.id)?;
        w.mark_failed(first.id, noon(), Some(retry), "451 greylisted")
    })
    .await;
    assert_eq!(due(&f, noon()).await, []);
    assert_eq!(f.read(|r| r.last_sent("mail", "security")).await, Some(noon()));
    let again = due(&f, retry).await;
    assert_eq!((again.len(), again[0].recipient.as_str(), again[0].attempts), (1, "a@example.test", 1));
    // The same message, to be recognised as a repeat where it did arrive.
    assert_eq!((&again[0].message_id, &again[0].body), (&first.message_id, &first.body));
    let summary = f.read(Reader::outbox_summary).await;
    assert_eq!(summary, OutboxSummary { pending: 1, oldest: Some(noon()), settled: settled(1, 0) });
    let later = noon() + 1.hour();
    f.write(move |w| w.enqueue(&digest(later, &["a@example.test", "b@example.test", "c@example.test"]), later)).await;
    assert_eq!(f.read(|r| r.held_up("mail")).await, Some((1, "451 greylisted".to_owned())), "the other was not tried yet");
    assert_eq!(f.read(|r| r.held_up("webhook")).await, None);
    let state = f.read(|r| r.mail_state("security")).await.expect("a mail");
    assert_eq!((state.enqueued, state.pending, state.recipients), (noon(), 1, 2), "of the one that waits for longest");
    assert_eq!(state.failure, "451 greylisted");
    let waiting = f.read(|r| r.waiting(10)).await;
    let [waiting, _, _] = <[Waiting; 3]>::try_from(waiting).expect("three are waited for");
    assert_eq!((waiting.recipient.as_str(), waiting.messages, waiting.failure.as_str()), ("a@example.test", 2, "451 greylisted"));
}

#[tokio::test]
async fn what_waits_by_a_clock_that_was_ahead_is_tried_when_that_is_set_right() {
    let f = Fixture::new();
    f.write(|w| w.enqueue(&digest(noon(), &["a@example.test"]), noon())).await;
    let id = due(&f, noon()).await[0].id;
    f.write(move |w| w.mark_failed(id, noon() + 1.hours(), Some(noon() + 2.hours()), "451 greylisted")).await;
    assert_eq!(due(&f, noon() + 1.minutes()).await.len(), 0);
    f.write(|w| w.hurry(noon() + 1.minutes())).await;
    assert_eq!(due(&f, noon() + 1.minutes()).await.len(), 1);
}

#[tokio::test]
async fn each_channel_has_its_own_queue_and_its_own_numbers() {
    let f = Fixture::new();
    let pushed = NewMessage { channel: "webhook".to_owned(), ..digest(noon(), &["https://hooks.example.test/1"]) };
    f.write(move |w| w.enqueue(&pushed, noon())).await;
    f.write(|w| w.enqueue(&digest(noon(), &["a@example.test"]), noon())).await;
    let mails = due(&f, noon()).await;
    assert_eq!(mails.iter().map(|m| m.recipient.as_str()).collect::<Vec<_>>(), ["a@example.test"]);
    let id = mails[0].id;
    f.write(move |w| w.mark_sent(id, noon())).await;
    let summary = f.read(Reader::outbox_summary).await;
    assert_eq!(summary, OutboxSummary { pending: 1, oldest: Some(noon()), settled: settled(1, 0) });
}

#[tokio::test]
async fn who_is_given_up_is_counted_and_not_tried_again() {
    let f = Fixture::new();
    f.write(|w| w.enqueue(&digest(noon(), &["gone@example.test"]), noon())).await;
    let id = due(&f, noon()).await[0].id;
    f.write(move |w| w.mark_failed(id, noon(), None, "550 no such user")).await;
    // A late answer changes nothing any more.
    f.write(move |w| w.mark_sent(id, noon())).await;
    assert_eq!(due(&f, Timestamp::MAX).await, []);
    let summary = f.read(Reader::outbox_summary).await;
    assert_eq!(summary, OutboxSummary { pending: 0, oldest: None, settled: settled(0, 1) });
    let given_up = |since: Timestamp| f.read(move |r| r.given_up(since, noon() + 1.hour(), 10));
    let told = GivenUp {
        channel: "mail".to_owned(),
        audience: "security".to_owned(),
        occurrence: noon(),
        subject: "37 integrations".to_owned(),
        recipient: "gone@example.test".to_owned(),
        at: noon(),
        failure: "550 no such user".to_owned(),
    };
    assert_eq!(given_up(noon() - 1.hour()).await, [told]);
    assert_eq!(given_up(noon()).await, [], "it was told before");
    assert_eq!(f.read(|r| r.last_sent("mail", "security")).await, None);
}

#[tokio::test]
async fn what_is_withdrawn_is_told_with_its_reason_and_counted_as_no_failure() {
    let f = Fixture::new();
    f.write(|w| w.enqueue(&digest(noon(), &["left@example.test"]), noon())).await;
    let id = due(&f, noon()).await[0].id;
    f.write(move |w| w.withdraw(id, noon(), NOT_CONFIGURED)).await;
    // A late answer changes nothing any more.
    f.write(move |w| w.mark_failed(id, noon(), None, "550 no such user")).await;
    assert_eq!(due(&f, Timestamp::MAX).await, []);
    let summary = f.read(Reader::outbox_summary).await;
    assert_eq!(summary, OutboxSummary { pending: 0, oldest: None, settled: settled(0, 0) });
    let told = f.read(|r| r.given_up(noon() - 1.hour(), noon(), 10)).await;
    let told: Vec<_> = told.iter().map(|row| (row.recipient.as_str(), row.failure.as_str())).collect();
    assert_eq!(told, [("left@example.test", NOT_CONFIGURED)]);
}

#[tokio::test]
async fn delivered_messages_do_not_fill_the_store() {
    let f = Fixture::new();
    for day in 1..=20_i64 {
        let occurrence = at("2026-07-01T07:00:00Z") + (24 * day).hours();
        let message = NewMessage { body: vec![b'x'; 1 << 20], ..digest(occurrence, &["a@example.test"]) };
        f.write(move |w| w.enqueue(&message, occurrence)).await;
        let id = due(&f, occurrence).await[0].id;
        f.write(move |w| w.mark_sent(id, occurrence)).await;
    }
    let size = f.read(Reader::store_size_bytes).await;
    assert!(size < 3 << 20, "{size} bytes");
}

#[tokio::test]
async fn an_output_without_mail_is_recorded_once() {
    let f = Fixture::new();
    let record = |now: Timestamp| f.write(move |w| w.record_occurrence("csv", "security", at("2026-07-03T07:00:00Z"), now));
    assert!(record(noon()).await);
    assert!(!record(noon() + 1.hour()).await);
    assert_eq!(f.read(|r| r.last_sent("csv", "security")).await, Some(noon()));
}
