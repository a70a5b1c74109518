use super::{super::Reader, Fixture, noon};
use crate::{
    analysis::{
        BurndownDay, Change, ChangeCause, IntegrationKey, Recorded, ReportedDay, Share, findings::Statuses, forecast::Quantiles,
    },
    evidence::{Day, Origin, Status},
};

const CAMPAIGN: &str = "bitbucket-app-passwords";

fn key(id: &str, user: &str) -> IntegrationKey {
    let origin = Origin::Network("build-farm".to_owned());
    IntegrationKey { id: id.to_owned(), user: user.to_owned(), client: "git-cli".to_owned(), origin }
}

fn statuses(campaign: &str, of: &[(&str, Status)]) -> Statuses {
    of.iter().map(|(id, status)| ((campaign.to_owned(), (*id).to_owned()), *status)).collect()
}

fn change(day: i32, integration: &str, from: Option<Status>, to: Status) -> Change {
    let cause = if from.is_none() { ChangeCause::Discovered } else { ChangeCause::Moved };
    let (campaign, integration) = (CAMPAIGN.to_owned(), integration.to_owned());
    Change { day: Day(day), campaign, integration, from, to: Some(to), cause, reason: "rejected since 06:00".to_owned() }
}

#[tokio::test]
async fn a_key_that_now_stands_for_another_integration_becomes_its_alias() {
    let f = Fixture::new();
    f.write(|w| w.remember_keys(&[key("k7m2qd4x", "name:a"), key("m3x9t2wq", "1234")], noon())).await;
    f.write(|w| w.remember_keys(&[key("k7m2qd4x", "1234"), key("k7m2qd4x", "email:a@example.test")], noon())).await;
    let known = f.read(Reader::known_integrations).await;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].id, "k7m2qd4x");
    let users: Vec<_> = known[0].keys.iter().map(|key| key.user.as_str()).collect();
    assert_eq!(users, ["name:a", "1234", "email:a@example.test"]);
    assert_eq!((known[0].since, known[0].former_ids.as_slice()), (noon(), &["m3x9t2wq".to_owned()][..]));
    f.write(|w| w.remember_keys(&[key("m3x9t2wq", "1234"), key("k7m2qd4x", "name:a")], noon())).await;
    let known = f.read(Reader::known_integrations).await;
    let users: Vec<_> = known.iter().map(|k| k.keys.iter().map(|key| key.user.as_str()).collect::<Vec<_>>()).collect();
    assert_eq!(users, [vec!["email:a@example.test", "name:a"], vec!["1234"]], "the last key is the one it goes by");
    assert!(known.iter().all(|integration| integration.former_ids.is_empty()));
}

#[tokio::test]
async fn a_judgement_replaces_the_statuses_of_its_campaign_only() {
    let f = Fixture::new();
    let record = |campaign: &'static str, of: &'static [(&'static str, Status)]| {
        let day = BurndownDay { day: Day(20_637), remaining: 1, ..BurndownDay::default() };
        f.write(move |w| w.record_judgement(campaign, &statuses(campaign, of), &[], Some(&day)))
    };
    record("other", &[("a", Status::Stale)]).await;
    record(CAMPAIGN, &[("a", Status::Active), ("b", Status::Quiet)]).await;
    record(CAMPAIGN, &[("a", Status::Failing), ("c", Status::Active)]).await;
    let mut expected = statuses(CAMPAIGN, &[("a", Status::Failing), ("c", Status::Active)]);
    expected.extend(statuses("other", &[("a", Status::Stale)]));
    assert_eq!(f.read(Reader::statuses).await, expected);
}

#[tokio::test]
async fn a_judgement_is_not_the_last_any_more_once_another_has_changed_anything() {
    let f = Fixture::new();
    let record = |status: Status, changes: Vec<Change>| {
        let day = BurndownDay { day: Day(20_637), remaining: 1, ..BurndownDay::default() };
        f.write(move |w| w.record_judgement(CAMPAIGN, &statuses(CAMPAIGN, &[("a", status)]), &changes, Some(&day)))
    };
    let seen = || f.read(|r| Ok((r.statuses()?, r.last_change()?)));
    let is_last = |(statuses, last): (Statuses, i64)| f.write(move |w| w.is_judged(&statuses, last));
    assert!(is_last(seen().await).await, "nothing was judged yet");
    record(Status::Active, vec![change(20_637, "a", None, Status::Active)]).await;
    let first = seen().await;
    record(Status::Active, vec![]).await;
    assert!(is_last(first.clone()).await, "nothing has changed");
    // Its user has another name now.
    record(Status::Active, vec![change(20_637, "a", Some(Status::Active), Status::Active)]).await;
    assert!(!is_last(first).await);
    let renamed = seen().await;
    assert!(is_last(renamed.clone()).await);
    record(Status::Failing, vec![]).await;
    assert!(!is_last(renamed).await);
}

#[tokio::test]
async fn changes_and_the_number_reported_stand_as_recorded() {
    let f = Fixture::new();
    let record = |day: i32, remaining, changes: Vec<Change>| {
        let observed = (remaining == 4).then_some(Share { part: 61, whole: 80 });
        let reported = BurndownDay { day: Day(day), remaining, observed, ..BurndownDay::default() };
        f.write(move |w| w.record_judgement(CAMPAIGN, &Statuses::new(), &changes, Some(&reported)))
    };
    let discovered = [change(20_636, "b", None, Status::Active), change(20_636, "a", None, Status::Quiet)];
    let moved = change(20_637, "a", Some(Status::Quiet), Status::Failing);
    record(20_636, 2, discovered.to_vec()).await;
    record(20_637, 5, vec![moved.clone()]).await;
    record(20_637, 4, vec![]).await;
    let [b, a] = discovered;
    assert_eq!(f.read(Reader::changes).await, [b, a, moved]);
    let reported = |day: i32, remaining, observed| ReportedDay { day: Day(day), remaining, observed };
    let share = Some(Share { part: 61, whole: 80 });
    assert_eq!(f.read(|r| r.reported(CAMPAIGN)).await, [reported(20_636, 2, None), reported(20_637, 4, share)]);
    assert_eq!(f.read(|r| r.reported("other")).await, []);
}

#[tokio::test]
async fn a_change_of_the_same_day_stands_behind_those_that_were_recorded_before_it() {
    let f = Fixture::new();
    let record = |changes: Vec<Change>| {
        let reported = BurndownDay { day: Day(20_636), remaining: 1, ..BurndownDay::default() };
        f.write(move |w| w.record_judgement(CAMPAIGN, &Statuses::new(), &changes, Some(&reported)))
    };
    let (morning, evening) = (change(20_636, "z", None, Status::Active), change(20_636, "a", None, Status::Failing));
    record(vec![morning.clone()]).await;
    let told = f.read(Reader::changes).await.len();
    record(vec![evening.clone()]).await;
    let changes = f.read(Reader::changes).await;
    assert_eq!((&changes[..told], &changes[told..]), (&[morning][..], &[evening][..]));
}

fn forecast(day: i32, target: i32, p50: u32) -> Recorded {
    let quantiles = Quantiles { p10: p50 - 1, p50, p90: p50 + 1 };
    Recorded { day: Day(day), target: Day(target), quantiles, zero_probability: 0.25 }
}

#[tokio::test]
async fn the_last_forecast_of_a_day_stands() {
    let f = Fixture::new();
    let record = |day: i32, of: Vec<Recorded>| f.write(move |w| w.record_forecast(CAMPAIGN, Day(day), &of));
    record(20_636, vec![forecast(20_636, 20_643, 9), forecast(20_636, 20_660, 5)]).await;
    record(20_637, vec![forecast(20_637, 20_660, 4)]).await;
    record(20_636, vec![forecast(20_636, 20_650, 7)]).await;
    let expected = [forecast(20_636, 20_650, 7), forecast(20_637, 20_660, 4)];
    assert_eq!(f.read(|r| r.forecasts(CAMPAIGN)).await, expected);
    assert_eq!(f.read(|r| r.forecasts("other")).await, []);
}
