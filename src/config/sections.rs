//! One function a section of the configuration, in the order of `default.toml`.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use jiff::tz::TimeZone;
use secrecy::SecretString;
use url::Url;

use super::{
    http,
    reader::{Fault, Section, nearest, suggestion},
    secret::environment,
    webhook::webhooks,
};
use crate::{
    analysis::{Closure, Owner, Policy, Rules, Waiver},
    daemon::options::{Csv, Email, Log, Options, Organization, Otel, Privacy, Retention, Schedule, Workspace, WorkspaceAuth},
    deliver::{
        check_ca,
        mail::{self, Mailer},
    },
    evidence::{
        Campaign, CatalogueFault, ClientCatalogue, Credential, Day, Expiry, Grade, NamedNetworks,
        campaign::{self, Kind, MAX_CAMPAIGNS},
        format::{Fields, Form, Format, UserField},
    },
    report::{Audience, BlindSpot, OwnCredential},
    source::Network,
};

/// The largest numbers that make sense; beyond them a value is a slip of the pen.
const MAX_REQUESTS: u32 = 1_000_000;

pub fn read(root: &Section) -> Options {
    let mut own_credentials = Vec::new();
    let network = network(root.table("network"));
    let organizations = organizations(root, &network, &mut own_credentials);
    let logs = root.tables("log").into_iter().map(|s| Arc::new(log(s))).collect::<Vec<_>>();
    unique(root, "log", logs.iter().map(|l| &l.name));
    let webhooks = webhooks(root, &network, &mut own_credentials);
    let (rules, catalogue) = rules(root.table("rules"));
    let (campaigns, expiries) = campaigns(root);
    let (store, retention) = store(root.table("store"));
    let (otel, top) = otel(root.table("otel"));
    Options {
        rules: Arc::new(rules),
        catalogue: Arc::new(catalogue),
        http: http::read(root.table("http"), &organizations, &mut own_credentials),
        organizations,
        logs,
        network,
        store,
        retention,
        campaigns,
        expiries,
        schedule: schedule(root.table("schedule")),
        email: email(root.table("email"), &mut own_credentials),
        webhooks,
        privacy: privacy(root.table("privacy")),
        csv: csv(root.table("csv")),
        otel,
        top,
        policy: policy(root),
        networks: networks(root),
        blind_spots: root.tables("blind_spot").into_iter().map(blind_spot).collect(),
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

fn organizations(root: &Section, network: &Network, own: &mut Vec<OwnCredential>) -> Vec<Organization> {
    let organizations: Vec<Organization> =
        root.tables("organization").into_iter().map(|s| organization(s, network, own)).collect();
    unique(root, "organization", organizations.iter().map(|o| &o.name));
    let mut slugs = BTreeSet::new();
    for (number, organization) in organizations.iter().enumerate() {
        for slug in organization.workspaces.iter().map(|workspace| &workspace.slug).filter(|slug| !slug.is_empty()) {
            if !slugs.insert(slug) {
                root.fault_of("organization", number, format!("the workspace `{slug}` stands twice"));
            }
        }
    }
    organizations
}

fn organization(section: Section, network: &Network, own: &mut Vec<OwnCredential>) -> Organization {
    let name = name(&section, "name");
    let expires = expiry(&section, "api_key_expires");
    own.push(OwnCredential { name: format!("organization.{name}.api_key"), kind: Credential::AccessToken, expires });
    let organization = Organization {
        id: organization_id(&section),
        api_url: api_url(&section, network),
        api_key: required_secret(&section, "api_key"),
        requests_per_minute: section.count("requests_per_minute", 1..=MAX_REQUESTS),
        share: section.number("share", 0.01..=1.0),
        overlap: section.duration("overlap"),
        workspaces: section.tables("workspace").into_iter().map(|s| workspace(s, network, own)).collect(),
        name,
    };
    section.finish();
    organization
}

/// Part of an address; Atlassian's own are UUIDs. What cannot be one is a text that still waits to be replaced.
fn organization_id(section: &Section) -> String {
    let id = section.required("id");
    if id.chars().any(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.')) {
        section.fault("id", format!("`{id}` is no organisation id: it looks like \"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\""));
    }
    id
}

fn workspace(section: Section, network: &Network, own: &mut Vec<OwnCredential>) -> Workspace {
    let slug = name(&section, "slug");
    let workspace = Workspace {
        api_url: api_url(&section, network),
        auth: workspace_auth(&section, &slug, own),
        requests_per_hour: section.count("requests_per_hour", 1..=MAX_REQUESTS * 60),
        slug,
    };
    section.finish();
    workspace
}

fn workspace_auth(section: &Section, slug: &str, own: &mut Vec<OwnCredential>) -> WorkspaceAuth {
    let auth = section.table("auth");
    for (secret, key, kind) in [
        ("access_token", "access_token_expires", Credential::AccessToken),
        ("api_token", "api_token_expires", Credential::ApiToken),
    ] {
        let expires = expiry(&auth, key);
        if auth.has(secret) {
            own.push(OwnCredential { name: format!("workspace.{slug}.{secret}"), kind, expires });
        }
    }
    let found = match (auth.has("access_token"), auth.has("api_token")) {
        (true, false) => WorkspaceAuth::AccessToken(required_secret(&auth, "access_token")),
        (false, true) => WorkspaceAuth::ApiToken { email: auth.required("email"), token: required_secret(&auth, "api_token") },
        _ => {
            section.fault("auth", "needs either { access_token = \"env:…\" } or { email = \"…\", api_token = \"env:…\" }");
            auth.string("email");
            WorkspaceAuth::AccessToken(SecretString::default())
        }
    };
    auth.finish();
    found
}

/// What imports are called that use no section's settings.
const IMPORT_NAMES: [&str; 3] = ["files", "register", "directory"];

fn log(section: Section) -> Log {
    let log = Log { name: name(&section, "name"), paths: section.strings("paths"), form: form(&section) };
    if IMPORT_NAMES.contains(&log.name.as_str()) {
        section.fault("name", format!("`import/{}` is the name of imports without a section: choose another", log.name));
    }
    if log.paths.is_empty() {
        section.fault("paths", "needs at least one path");
    }
    for path in &log.paths {
        if let Err(error) = glob::Pattern::new(path) {
            section.fault("paths", format!("`{path}` is no glob: {error}"));
        }
    }
    section.finish();
    log
}

fn form(section: &Section) -> Form {
    let formats: Vec<_> = Format::ALL.iter().map(|format| format.as_str()).collect();
    let format = section.parsed("format", |text| {
        Format::parse(text).ok_or_else(|| format!("`{text}` is no format{}", suggestion(text, &formats)))
    });
    let user = section.parsed("user", |text| {
        UserField::parse(text).ok_or_else(|| format!("`{text}` is nobody{}", suggestion(text, &["proxy", "bitbucket"])))
    });
    let table = section.map("fields").into_iter().collect();
    let fields = if format == Some(Format::Csv) { Fields::of_columns(&table) } else { Fields::new(&table) };
    let fields = fields.map_err(|words| section.fault("fields", words)).unwrap_or_default();
    let form = Form {
        fields,
        host: section.string("host"),
        user: user.unwrap_or(UserField::Proxy),
        ..Form::new(format.unwrap_or(Format::Json))
    };
    if section.has("fields") && format.is_some_and(|format| !format.has_fields()) {
        section.fault("fields", format!("`{}` has its fields in fixed places: leave this out", form.format));
    }
    if form.host.is_some() && form.format == Format::Transcript {
        section.fault("host", "`transcript` finds the host in the URLs of git: leave this out");
    }
    if form.user == UserField::Bitbucket && format.is_some_and(|format| !format.has_user_field()) {
        section.fault("user", format!("`{}` has no user field: leave this out", form.format));
    }
    form
}

fn network(section: Section) -> Network {
    let ca_file = section.string("ca_file").map(PathBuf::from).unwrap_or_default();
    if !ca_file.as_os_str().is_empty() {
        let checked = std::fs::read(&ca_file).map_err(anyhow::Error::new).and_then(|pem| check_ca(&pem));
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

fn store(section: Section) -> (PathBuf, Retention) {
    let path = PathBuf::from(section.required("path"));
    let days = |key| section.days(key).unwrap_or(i32::MAX);
    let retention = Retention { raw_days: days("keep_raw"), evidence_days: days("keep_evidence") };
    section.finish();
    (path, retention)
}

/// The campaigns of use and those of expiry; of app passwords only where nothing is configured.
fn campaigns(root: &Section) -> (Vec<Campaign>, Vec<Expiry>) {
    let sections = root.tables("campaign");
    if sections.is_empty() {
        return (vec![Campaign::calendar(&[])], Vec::new());
    }
    if sections.len() > MAX_CAMPAIGNS {
        root.fault("campaign", format!("{} campaigns are more than {MAX_CAMPAIGNS}", sections.len()));
    }
    let kinds: Vec<Option<Kind>> = sections.into_iter().map(campaign).collect();
    let ids: Vec<String> = kinds.iter().map(|kind| kind.as_ref().map_or_else(String::new, |kind| kind.id().to_owned())).collect();
    unique(root, "campaign", ids.iter());
    let (mut campaigns, mut expiries) = (Vec::new(), Vec::new());
    for kind in kinds.into_iter().flatten() {
        match kind {
            Kind::Use(campaign) => campaigns.push(*campaign),
            Kind::Expiry(expiry) => expiries.push(expiry),
        }
    }
    (campaigns, expiries)
}

fn campaign(section: Section) -> Option<Kind> {
    let removal = section.instant("removal");
    let text = section.parsed("file", |reference| match Campaign::builtin(reference) {
        Some(text) => Ok((reference.to_owned(), text.to_owned())),
        None if reference.starts_with("builtin:") => Err(not_built_in(reference)),
        None => std::fs::read_to_string(reference)
            .map(|text| (reference.to_owned(), text))
            .map_err(|error| format!("{reference} cannot be read: {error}")),
    });
    let kind = text.and_then(|(file, text)| campaign::read(&file, &text, removal).map_err(|faults| section.adopt(faults)).ok());
    if removal.is_some() && matches!(kind, Some(Kind::Expiry(_))) {
        section.fault("removal", "each token has a deadline of its own: leave this out");
    }
    section.finish();
    kind
}

fn not_built_in(reference: &str) -> String {
    let known: Vec<&str> = Campaign::builtin_names().collect();
    match nearest(reference, known.iter().copied()) {
        Some(near) => format!("`{reference}` is not built in; did you mean `{near}`?"),
        None => format!("`{reference}` is not built in; there are {}", known.join(", ")),
    }
}

fn schedule(section: Section) -> Schedule {
    let timezone = section.parsed("timezone", time_zone);
    let schedule = Schedule {
        timezone: timezone.unwrap_or(TimeZone::UTC),
        audit: section.duration("audit"),
        tokens: section.duration("tokens"),
        access: section.duration("access"),
        logs: section.duration("logs"),
        digest: section.parsed("digest", cron),
        brief: section.parsed("brief", cron),
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
    crate::daemon::schedule::parse_cron(text).map(|_| text.to_owned())
}

fn email(section: Section, own: &mut Vec<OwnCredential>) -> Option<Email> {
    let expires = expiry(&section, "password_expires");
    let server = section.parsed("server", |text| {
        let url = Url::parse(text).map_err(|error| format!("is no URL such as \"smtps://mail.example.test:465\": {error}"))?;
        let options = mail::Options { server: text.to_owned(), username: None, password: None, ca_pem: None };
        Mailer::new(&options).map(|_| url).map_err(|error| format!("{error:#}"))
    });
    let (username, password, from) = (section.string("username"), section.secret("password"), section.string("from"));
    if password.is_some() {
        own.push(OwnCredential { name: "email.password".to_owned(), kind: Credential::AccountPassword, expires });
    }
    let contact = section.parsed("contact", address);
    let recipients = section.tables("recipient").into_iter().map(recipient).collect::<Vec<_>>();
    let email = server.map(|server| {
        if from.is_none() {
            section.fault("from", "is missing");
        }
        match (&username, &password) {
            (None, Some(_)) => section.fault("username", "is missing: a password needs one"),
            (Some(_), None) if !section.has("password") => section.fault("password", "is missing: a username needs one"),
            _ => {}
        }
        Email { server, username, password, from: from.unwrap_or_default(), contact: contact.unwrap_or_default(), recipients }
    });
    if let Some(email) = &email
        && !email.from.is_empty()
        && let Err(words) = mail::check_address(&email.from)
    {
        section.fault("from", words);
    }
    section.finish();
    email
}

fn recipient(section: Section) -> (String, Audience) {
    let address = section.required("address");
    if !address.is_empty()
        && let Err(words) = mail::check_address(&address)
    {
        section.fault("address", words);
    }
    let audience = section.parsed("audience", |text| {
        let whole = text.parse().ok().filter(|audience| Audience::WHOLE.contains(audience));
        whole.ok_or_else(|| format!("`{text}` is no audience{}", suggestion(text, &["security", "leadership"])))
    });
    section.finish();
    (address, audience.unwrap_or(Audience::Security))
}

fn address(text: &str) -> Result<String, String> {
    mail::check_address(text).map(|()| text.to_owned())
}

fn privacy(section: Section) -> Privacy {
    let pseudonyms = section.parsed("people", |text| match text {
        "named" => Ok(false),
        "pseudonyms" => Ok(true),
        other => Err(format!("`{other}` is no way to show people: named or pseudonyms")),
    });
    let privacy = Privacy { pseudonyms: pseudonyms.unwrap_or(false), machines: section.strings("machines") };
    section.finish();
    privacy
}

fn csv(section: Section) -> Csv {
    let csv = Csv { directory: section.string("directory").map(PathBuf::from), keep_days: section.days("keep").unwrap_or(90) };
    section.finish();
    csv
}

/// More would be a table, not a metric.
const MAX_TOP: u32 = 100;

/// Where metrics are sent, if anywhere, and how many ranks they show.
fn otel(section: Section) -> (Option<Otel>, u32) {
    let grpc = section.parsed("protocol", |text| match text {
        "http" => Ok(false),
        "grpc" => Ok(true),
        other => Err(format!("`{other}` is no protocol{}", suggestion(other, &["http", "grpc"]))),
    });
    let interval = section.duration("interval");
    let headers = section.map("headers").into_iter().filter_map(|(name, value)| {
        let resolved = if value.starts_with("env:") || value.starts_with("file:") {
            section.resolve("headers", &value)
        } else {
            Ok(SecretString::from(value))
        };
        resolved.map_err(|words| section.fault("headers", format!("`{name}`: {words}"))).ok().map(|value| (name, value))
    });
    let headers = headers.collect();
    let endpoint = section.string("endpoint").map(|_| url(&section, "endpoint", &["http", "https"]));
    let (logs, traces) = (section.boolean("logs"), section.boolean("traces"));
    let top = section.count("top", 0..=MAX_TOP);
    section.finish();
    (endpoint.map(|endpoint| Otel { endpoint, grpc: grpc.unwrap_or(false), interval, headers, logs, traces }), top)
}

fn policy(root: &Section) -> Policy {
    let section = root.table("judgement");
    let grade = section.parsed("minimum_grade", grade);
    let policy = Policy {
        quiet_after_days: f64::from(section.days("quiet_after").unwrap_or(7)),
        lead_time_days: section.days("lead_time").unwrap_or(14),
        minimum_grade: grade.unwrap_or(Grade::Weak),
        expiry_horizon_days: section.days("expiry_horizon").unwrap_or(60),
        owners: root.tables("owner").into_iter().map(owner).collect(),
        waivers: root.tables("waiver").into_iter().map(waiver).collect(),
        closures: root.tables("closure").into_iter().map(closure).collect(),
    };
    section.finish();
    policy
}

pub(super) fn grade(text: &str) -> Result<Grade, String> {
    match Grade::parse(text) {
        Some(grade) if grade > Grade::None => Ok(grade),
        _ => Err(format!("`{text}` is no grade that counts{}", suggestion(text, &["weak", "strong", "proven"]))),
    }
}

fn owner(section: Section) -> Owner {
    let patterns = section.table("match");
    let owner = Owner {
        name: name(&section, "name"),
        email: section.parsed("email", address),
        lead_time_days: section.days("lead_time"),
        workspace: patterns.string("workspace"),
        repository: patterns.string("repository"),
        client: patterns.string("client"),
        user: patterns.string("user"),
        origin: patterns.string("origin"),
    };
    if !section.has("match") {
        section.fault("match", "is missing: say what is theirs, for example { repository = \"payments-*\" }");
    }
    patterns.finish();
    section.finish();
    owner
}

fn waiver(section: Section) -> Waiver {
    let waiver = Waiver {
        integration: integration(&section),
        until: section.date("until"),
        requester: section.required("requester"),
        approver: section.required("approver"),
        ticket: section.required("ticket"),
        reason: section.required("reason"),
    };
    section.finish();
    waiver
}

fn closure(section: Section) -> Closure {
    let closure = Closure {
        integration: integration(&section),
        date: section.date("date"),
        by: section.required("by"),
        ticket: section.required("ticket"),
    };
    section.finish();
    closure
}

fn integration(section: &Section) -> String {
    let id = section.required("integration");
    if !id.is_empty() && (id.len() != 8 || !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())) {
        section.fault("integration", format!("`{id}` is no integration id: eight lower-case letters and digits"));
    }
    id
}

fn networks(root: &Section) -> NamedNetworks {
    let mut all: Vec<(ipnet::IpNet, String)> = Vec::new();
    for section in root.tables("origin") {
        let name = name(&section, "name");
        let networks = section.strings("networks");
        if networks.is_empty() {
            section.fault("networks", "needs at least one network");
        }
        for text in networks {
            match network_of(&section, "networks", &text) {
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
    NamedNetworks::new(all)
}

pub(super) fn network_of(section: &Section, key: &'static str, text: &str) -> Option<ipnet::IpNet> {
    let network = text.parse().ok();
    if network.is_none() {
        let near =
            text.parse::<std::net::IpAddr>().ok().map(|address| format!("; did you mean `{}`?", ipnet::IpNet::from(address)));
        let near = near.unwrap_or_else(|| ": write \"10.20.0.0/16\"".to_owned());
        section.fault(key, format!("`{text}` is no network{near}"));
    }
    network
}

fn blind_spot(section: Section) -> BlindSpot {
    let spot = BlindSpot { name: section.required("name"), reason: section.required("reason") };
    section.finish();
    spot
}

/// A name that becomes part of a source's name, a metric's attribute or a file's name.
pub(super) fn name(section: &Section, key: &'static str) -> String {
    let name = section.required(key);
    if name.len() > 64 || name.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '/' | '\\')) {
        section.fault(key, "must be a short word without blanks or slashes");
    }
    name
}

/// When a secret of our own ends, if its operator says so.
pub(super) fn expiry(section: &Section, key: &'static str) -> Option<jiff::civil::Date> {
    section.instant(key).map(|at| Day::of(at).date())
}

pub(super) fn required_secret(section: &Section, key: &'static str) -> SecretString {
    if !section.has(key) {
        section.fault(key, "is missing");
    }
    section.secret(key).unwrap_or_default()
}

/// The address of an API, to which a credential is sent.
fn api_url(section: &Section, network: &Network) -> Url {
    checked_url(section, "api_url", &["https", "http"], |url| network.check(url).map_err(|error| error.to_string()))
}

fn url(section: &Section, key: &'static str, schemes: &[&str]) -> Url {
    checked_url(section, key, schemes, |_| Ok(()))
}

fn checked_url(section: &Section, key: &'static str, schemes: &[&str], check: impl Fn(&Url) -> Result<(), String>) -> Url {
    let parsed = section.parsed(key, |text| checked_address(text, schemes, check));
    parsed.unwrap_or_else(|| Url::parse("http://127.0.0.1").expect("a literal URL"))
}

/// An address without credentials, of one of these schemes, that `check` lets pass.
pub(super) fn checked_address(text: &str, schemes: &[&str], check: impl Fn(&Url) -> Result<(), String>) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL that begins with {}://: {error}", schemes.join(":// or ")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a username or password".to_owned());
    }
    if !schemes.contains(&url.scheme()) || url.host_str().is_none() {
        return Err(format!("`{text}` must start with {}://", schemes.join(":// or ")));
    }
    check(&url)?;
    Ok(url)
}

/// Refuses a name that two elements of `[[key]]` have, in the order of whose names they are given.
pub(super) fn unique<'n>(root: &Section, key: &'static str, names: impl Iterator<Item = &'n String>) {
    let mut seen = BTreeSet::new();
    for (number, name) in names.enumerate().filter(|(_, name)| !name.is_empty()) {
        if !seen.insert(name) {
            root.fault_of(key, number, format!("the name `{name}` stands twice"));
        }
    }
}
