//! The options of the whole configuration: every section in the order of `default.toml`, the small ones here, the others in
//! files of their own.

use std::{path::PathBuf, sync::Arc};

use jiff::tz::TimeZone;
use secrecy::SecretString;
use url::Url;

use super::{
    campaign::campaigns,
    email::email,
    exchange::{exchange, instance},
    fields::{checked_url, expiry, network_of, title, unique, url},
    http,
    judgement::policy,
    log::log,
    organization::organizations,
    query::{Judges, query},
    reader::{Fault, Section, nearest, suggestion},
    secret::environment,
    webhook::webhooks,
};
use crate::{
    analysis::Rules,
    daemon::{
        options::{Csv, Options, Otel, Privacy, Retention, Schedule},
        schedule::check_cron,
    },
    deliver::otel::{check_endpoint, header},
    evidence::{Campaign, CatalogueFault, ClientCatalogue, Credential, NamedNetworks, canonical_network},
    network::{Network, check_transport},
    report::{BlindSpot, OwnCredential},
    tls,
};

/// What one source may name; no machine has the memory to judge more.
const MAX_INTEGRATIONS: u32 = 10_000_000;

pub fn read(root: &Section) -> Options {
    let mut own_credentials = Vec::new();
    let network = network(root.table("network"));
    let organizations = organizations(root, &network, &mut own_credentials);
    let logs = root.tables("log").into_iter().map(|s| Arc::new(log(s))).collect::<Vec<_>>();
    unique(root, "log", logs.iter().map(|l| &l.name));
    let webhooks = webhooks(root, &network, &mut own_credentials);
    let (rules, catalogue) = rules(root.table("rules"));
    let (campaigns, expiries) = campaigns(root);
    let (rules, networks) = (Arc::new(rules), networks(root));
    let calendar = Campaign::calendar(&campaigns);
    let judges = Judges { rules: &rules, catalogue: &catalogue, networks: &networks, calendar: &calendar };
    let queries: Vec<_> = root
        .tables("query")
        .into_iter()
        .filter_map(|s| query(s, &network, &judges, &mut own_credentials))
        .map(Arc::new)
        .collect();
    unique(root, "query", queries.iter().map(|query| &query.name));
    let exchanges: Vec<_> = root.tables("exchange").into_iter().filter_map(exchange).collect();
    unique(root, "exchange", exchanges.iter().map(|other| &other.name));
    let (store, retention, integrations_per_source) = store(root.table("store"));
    let (otel, top) = otel(root.table("otel"), &network, &mut own_credentials);
    let (email, waiting_for_mail) = email(root.table("email"), &network, &mut own_credentials);
    let blind_spots: Vec<BlindSpot> = root.tables("blind_spot").into_iter().map(blind_spot).collect();
    unique(root, "blind_spot", blind_spots.iter().map(|spot| &spot.name));
    Options {
        rules,
        catalogue: Arc::new(catalogue),
        http: http::read(root.table("http"), &organizations, &mut own_credentials),
        organizations,
        logs,
        queries,
        instance: instance(root.table("instance")),
        exchanges,
        network,
        store,
        retention,
        integrations_per_source,
        campaigns,
        expiries,
        schedule: schedule(root.table("schedule")),
        email,
        waiting_for_mail,
        webhooks,
        privacy: privacy(root.table("privacy")),
        csv: csv(root.table("csv")),
        otel,
        top,
        policy: policy(root),
        networks,
        blind_spots,
        own_credentials,
        secrets: root.named_secrets(),
        manager: environment("NOTIFY_SOCKET").filter(|address| !address.is_empty()),
        operator: operator(),
    }
}

/// The login name that the environment tells.
fn operator() -> String {
    let named = ["LOGNAME", "USER"].into_iter().find_map(environment);
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| "somebody".to_owned())
}

fn network(section: Section) -> Network {
    let ca_file = section.string("ca_file").map(PathBuf::from).unwrap_or_default();
    if !ca_file.as_os_str().is_empty() {
        let checked = std::fs::read(&ca_file).map_err(anyhow::Error::new).and_then(|pem| tls::authorities(&pem));
        if let Err(error) = checked {
            section.fault("ca_file", format!("{}: {error:#}", ca_file.display()));
        }
    }
    let proxy = section.string("proxy").map(|_| url(&section, "proxy", &["http", "https"]).to_string());
    let network = Network { ca_file, proxy: proxy.unwrap_or_default(), allowed_hosts: section.strings("allowed_hosts") };
    section.finish();
    network
}

/// What evidence is judged by: what is compiled in, and what the organisation adds to it.
fn rules(section: Section) -> (Rules, ClientCatalogue) {
    let builtin = || Rules::builtin().expect("compiled in, and a test reads them");
    let rules = added(&section, "file").and_then(|(file, text)| {
        let read = Rules::with_additions(&file, &text);
        read.map_err(|faults| section.adopt(faults)).ok()
    });
    let clients = added(&section, "clients").and_then(|(file, text)| {
        let fault =
            |found: CatalogueFault| Fault { file: file.clone(), line: found.line, key: "client".to_owned(), words: found.words };
        let read = ClientCatalogue::with_additions(&text);
        read.map_err(|faults| section.adopt(faults.into_iter().map(fault).collect())).ok()
    });
    let catalogue = || ClientCatalogue::builtin().expect("compiled in, and a test reads it");
    section.finish();
    (rules.unwrap_or_else(builtin), clients.unwrap_or_else(catalogue))
}

/// The file that a key names, with its text.
fn added(section: &Section, key: &'static str) -> Option<(String, String)> {
    section.parsed(key, |file| {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{file} cannot be read: {error}"))?;
        Ok((file.to_owned(), text))
    })
}

fn store(section: Section) -> (PathBuf, Retention, u32) {
    let path = PathBuf::from(section.required("path"));
    let days = |key| section.days(key).unwrap_or_default();
    let retention = Retention { raw_days: days("keep_raw"), evidence_days: days("keep_evidence") };
    let integrations = section.count("integrations_per_source", 1..=MAX_INTEGRATIONS);
    section.finish();
    (path, retention, integrations)
}

fn schedule(section: Section) -> Schedule {
    let timezone = section.parsed("timezone", time_zone);
    let schedule = Schedule {
        timezone: timezone.unwrap_or(TimeZone::UTC),
        audit: section.duration("audit"),
        tokens: section.duration("tokens"),
        access: section.duration("access"),
        logs: section.duration("logs"),
        queries: section.duration("queries"),
        digest: section.parsed_or_off("digest", cron),
        brief: section.parsed_or_off("brief", cron),
        notices: section.parsed("notices", cron),
    };
    section.finish();
    schedule
}

fn time_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| {
        let known: Vec<_> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
        match nearest(text, known.iter().map(String::as_str)) {
            Some(near) => format!("`{text}` is no IANA time zone; did you mean `{near}`?"),
            None => format!("`{text}` is no IANA time zone, such as \"Europe/Berlin\""),
        }
    })
}

fn cron(text: &str) -> Result<String, String> {
    check_cron(text).map(|()| text.to_owned())
}

fn privacy(section: Section) -> Privacy {
    let pseudonyms = section.parsed("people", |text| match text {
        "named" => Ok(false),
        "pseudonyms" => Ok(true),
        other => Err(format!("`{other}` is no way to show people{}", suggestion(other, &["named", "pseudonyms"]))),
    });
    let privacy = Privacy { pseudonyms: pseudonyms.unwrap_or(false), machines: section.strings("machines") };
    section.finish();
    privacy
}

fn csv(section: Section) -> Csv {
    let csv =
        Csv { directory: section.string("directory").map(PathBuf::from), keep_days: section.days("keep").unwrap_or_default() };
    section.finish();
    csv
}

/// More would be a table, not a metric.
const MAX_TOP: u32 = 100;

/// Where metrics are sent, if anywhere, and how many ranks they show.
fn otel(section: Section, network: &Network, own: &mut Vec<OwnCredential>) -> (Option<Otel>, u32) {
    let grpc = section.parsed("protocol", |text| match text {
        "http" => Ok(false),
        "grpc" => Ok(true),
        other => Err(format!("`{other}` is no protocol{}", suggestion(other, &["http", "grpc"]))),
    });
    let interval = section.duration("interval");
    let expires = expiry(&section, "headers_expires");
    let (headers, mut names_secret) = (section.map("headers"), false);
    let headers = headers.into_iter().filter_map(|(name, value)| {
        let resolved = if value.starts_with("env:") || value.starts_with("file:") {
            names_secret = true;
            section.resolve("headers", &value)
        } else {
            Ok(SecretString::from(value))
        };
        let fits = resolved.and_then(|value| match header(&name, &value) {
            Ok(_) => Ok(value),
            Err(error) => Err(format!("{error:#}")),
        });
        fits.map_err(|words| section.fault("headers", format!("`{name}`: {words}"))).ok().map(|value| (name, value))
    });
    let headers: Vec<_> = headers.collect();
    if names_secret {
        own.push(OwnCredential { name: "otel.headers".to_owned(), kind: Credential::Unknown, expires });
    }
    // Figures alone may go in clear text to a collector nearby; a key may not.
    let transport = |url: &Url| if names_secret { check_transport(url) } else { Ok(()) };
    let checked = |url: &Url| {
        let reached = transport(url).and_then(|()| network.check_host(url)).and_then(|()| check_endpoint(url));
        reached.map_err(|error| error.to_string())
    };
    let endpoint = section.string("endpoint").map(|_| checked_url(&section, "endpoint", &["http", "https"], checked));
    let (logs, traces) = (section.boolean("logs"), section.boolean("traces"));
    let top = section.count("top", 0..=MAX_TOP);
    section.finish();
    (endpoint.map(|endpoint| Otel { endpoint, grpc: grpc.unwrap_or(false), interval, headers, logs, traces }), top)
}

/// Origins that are no network's name.
const RESERVED_ORIGINS: [&str; 2] = ["roaming", "unknown"];

fn networks(root: &Section) -> NamedNetworks {
    let mut all: Vec<(ipnet::IpNet, String)> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for section in root.tables("origin") {
        let name = title(&section, "name");
        if RESERVED_ORIGINS.contains(&name.as_str()) {
            section.fault("name", format!("`{name}` is what is said of other places: call it otherwise"));
        }
        names.push(name.clone());
        let networks = section.strings("networks");
        if networks.is_empty() {
            section.fault("networks", "needs at least one network");
        }
        for text in networks {
            // Bits behind the prefix are nobody's: 10.1.2.3/8 is 10.0.0.0/8.
            match network_of(&section, "networks", &text).map(|net| canonical_network(net.trunc())) {
                Some(net) if all.iter().any(|(known, of)| *known == net && *of != name) => {
                    let other = all.iter().find(|(known, _)| *known == net).map_or("", |(_, name)| name);
                    section.fault("networks", format!("`{text}` is already named `{other}`"));
                }
                Some(net) => all.push((net, name.clone())),
                None => {}
            }
        }
        section.finish();
    }
    unique(root, "origin", names.iter());
    NamedNetworks::new(all)
}

fn blind_spot(section: Section) -> BlindSpot {
    let spot = BlindSpot { name: section.required("name"), reason: section.required("reason") };
    section.finish();
    spot
}
