//! The document as series.

use super::fixture::{World, acme};
use crate::{
    analysis::{Integration, Person},
    report::prometheus,
};

#[test]
fn figures_are_those_of_the_contract_with_bounded_attributes() {
    let mut world = acme();
    world.campaign().integrations[1].workspace = Some("someone-elses".to_owned());
    let mut all = world.report().figures;
    all.extend(world.own_figures());
    let value = |name: &str, wanted: &[(&str, &str)]| {
        let fits = |attributes: &[(&'static str, String)]| {
            wanted.iter().all(|(k, v)| attributes.iter().any(|(key, value)| key == k && value == v))
        };
        all.iter().find(|f| f.name == name && fits(&f.attributes)).map(|f| f.value)
    };
    assert_eq!(value("duskwatch.integrations", &[("workspace", "acme"), ("status", "failing"), ("category", "CI")]), Some(1.0));
    assert_eq!(value("duskwatch.integrations", &[("workspace", "other"), ("status", "active")]), Some(1.0));
    assert_eq!(value("duskwatch.integrations", &[("workspace", "other"), ("status", "retired")]), Some(0.0));
    assert_eq!(value("duskwatch.users.remaining", &[("workspace", "acme"), ("organization", "acme")]), Some(3.0));
    assert_eq!(value("duskwatch.observed.ratio", &[("workspace", "acme")]), Some(0.7625));
    assert_eq!(value("duskwatch.observed.ratio", &[("workspace", "other")]), None, "unknown is not zero");
    assert_eq!(value("duskwatch.overdue", &[]), Some(1.0));
    assert_eq!(value("duskwatch.unowned", &[]), Some(1.0));
    assert_eq!(value("duskwatch.waivers.expiring", &[]), Some(1.0));
    assert_eq!(value("duskwatch.authentications", &[("workspace", "other"), ("grade", "strong")]), Some(3.0));
    assert_eq!(value("duskwatch.removal.time", &[]), Some(1_785_196_800.0));
    assert_eq!(value("duskwatch.tokens.expiring", &[("within", "14d")]), Some(1.0));
    assert_eq!(value("duskwatch.tokens.expiring", &[("within", "7d")]), Some(0.0));
    assert_eq!(value("duskwatch.source.gap", &[("source", "log/egress")]), Some(12_600.0));
    assert_eq!(value("duskwatch.source.lag", &[("source", "log/egress")]), Some(10.0));
    assert_eq!(value("duskwatch.source.requests", &[("status_class", "429")]), Some(2.0));
    assert_eq!(value("duskwatch.credential.expiry.time", &[]), Some(1_783_641_600.0));
    assert!(value("duskwatch.source.items", &[("source", "log/egress"), ("reason", "kept")]).is_some());
    assert_eq!(value("duskwatch.source.skipped", &[("source", "audit/acme"), ("reason", "malformed")]), Some(0.0));
    assert_eq!(value("duskwatch.source.nameless", &[("source", "log/egress")]), Some(0.0));
    assert_eq!(value("duskwatch.store.size", &[]), Some(5_242_880.0));
    assert_eq!(value("duskwatch.store.free", &[]), None, "a file system that says nothing is not full");
}

#[test]
fn five_thousand_integrations_make_no_more_series_than_a_handful() {
    let mut world = acme();
    let few = series(&world);
    let row = world.campaign().integrations[0].clone();
    world.campaign().integrations.extend((1..=5_000_u32).map(|n| Integration {
        id: format!("{n:08}"),
        rank: Some(n + 100),
        user: Person { id: format!("name:somebody-{n}"), ..row.user.clone() },
        workspace: Some(format!("workspace-{}", n % 700)),
        ..row.clone()
    }));
    let many = series(&world);
    assert!(many.len() < 400 && many.len() < few.len() + 20, "{} series, {} before", many.len(), few.len());
    for part in ["somebody", "workspace-", "00000001", "duskwatch_rank"] {
        assert!(!many.iter().any(|line| line.contains(part)), "{part}");
    }
}

#[test]
fn the_highest_ranks_are_single_series_where_somebody_asks_for_them() {
    let mut world = acme();
    world.top = 2;
    let ranks: Vec<_> = series(&world).into_iter().filter(|line| line.starts_with("duskwatch_rank{")).collect();
    assert_eq!(ranks.len(), 2, "{ranks:#?}");
    for label in ["campaign", "integration", "user", "client", "origin", "owner", "status"] {
        assert!(ranks.iter().all(|line| line.contains(&format!("{label}=\""))), "{label}: {ranks:#?}");
    }
}

/// Every series of both telemetries, as Prometheus reads it.
fn series(world: &World) -> Vec<String> {
    let mut figures = world.report().figures;
    figures.extend(world.own_figures());
    prometheus::exposition(&figures).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}
