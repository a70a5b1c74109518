//! A small organisation, judged by hand: seen from the morning of 3 July 2026, in the fourth week of brownouts.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    analysis::{
        Activity, Authentication, Authentications, Brownouts, BurndownDay, CampaignFindings, Change, ChangeCause, Exposure,
        Findings, Forecast, Integration, Lift, NameState, NextWindow, Observation, ObservedWorkspace, Person, Policy, Recorded,
        ReportedDay, Rhythm, RhythmKind, Share, Term, TokenFinding, Trap, TrapKind, UserFinding, Waiver,
        forecast::{Counted, Move, Outlook, Quantiles},
    },
    evidence::{
        Campaign, Category, ClientCatalogue, Coverage, CoverageState, Credential, Day, Expiry, Grade, Ledger, Outcome, Roster,
        Status, UnknownTotal, Window, journal::JournalEntry,
    },
    report::{
        AuthenticationTotal, BlindSpot, DeliveryTotal, FailingPart, Figure, Inputs, Late, Organization, OwnCredential, People,
        Previous, Report, Service, SkippedLine, SourceLine, ToldEvent, Undelivered, build, csv, figures, letter,
    },
};

/// A file of the CSV package as text.
pub(super) fn file(report: &Report, name: &str) -> String {
    let mut bytes = Vec::new();
    csv::write(report, name, &mut bytes).expect("memory takes what it is given");
    String::from_utf8(bytes).expect("the package is UTF-8")
}

pub(super) const CAMPAIGN: &str = "bitbucket-app-passwords";

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().expect("a valid instant")
}

pub(super) fn day(text: &str) -> Day {
    Day::parse(text).expect("a valid day")
}

/// Everything a report is made of, owned, so that a test can change one thing.
pub(super) struct World {
    pub(super) findings: Findings,
    pub(super) policy: Policy,
    pub(super) expiries: Vec<Expiry>,
    pub(super) clients: ClientCatalogue,
    pub(super) ledger: Ledger,
    pub(super) changes: Vec<Change>,
    pub(super) reported: BTreeMap<String, Vec<ReportedDay>>,
    pub(super) forecasts: BTreeMap<String, Vec<Recorded>>,
    pub(super) previous: Option<Previous>,
    pub(super) looking_back: bool,
    pub(super) late: Option<Late>,
    pub(super) undelivered: Vec<Undelivered>,
    pub(super) failing: Vec<FailingPart>,
    pub(super) sources: Vec<SourceLine>,
    pub(super) unknown: Vec<UnknownTotal>,
    pub(super) own_credentials: Vec<OwnCredential>,
    pub(super) blind_spots: Vec<BlindSpot>,
    pub(super) organizations: Vec<Organization>,
    pub(super) timezone: TimeZone,
    pub(super) service: Service,
    pub(super) top: u32,
    pub(super) journal: Vec<JournalEntry>,
    pub(super) judged_otherwise: u64,
    pub(super) told_events: BTreeMap<String, ToldEvent>,
    pub(super) fresh: usize,
    pub(super) pseudonyms: bool,
    pub(super) roster: Roster,
}

impl World {
    pub(super) fn report(&self) -> Report {
        build(Inputs {
            findings: &self.findings,
            policy: &self.policy,
            expiries: &self.expiries,
            clients: &self.clients,
            ledger: &self.ledger,
            changes: &self.changes,
            reported: &self.reported,
            forecasts: &self.forecasts,
            previous: self.previous.as_ref(),
            looking_back: self.looking_back,
            late: self.late,
            undelivered: &self.undelivered,
            failing: &self.failing,
            sources: &self.sources,
            unknown: &self.unknown,
            own_credentials: &self.own_credentials,
            blind_spots: &self.blind_spots,
            organizations: &self.organizations,
            timezone: &self.timezone,
            top: self.top,
            journal: &self.journal,
            judged_otherwise: self.judged_otherwise,
            told_events: &self.told_events,
            fresh: self.fresh,
            people: self.pseudonyms.then_some(People { key: b"a key of the store", roster: &self.roster, machines: &[] }),
        })
    }

    /// What the service says of itself.
    pub(super) fn own_figures(&self) -> Vec<Figure> {
        figures::own(&figures::Own {
            now: self.findings.now,
            sources: &self.sources,
            ledger: &self.ledger,
            silences: &self.findings.silences,
            organizations: &self.organizations,
            service: &self.service,
        })
    }

    pub(super) fn campaign(&mut self) -> &mut CampaignFindings {
        &mut self.findings.campaigns[0]
    }
}

/// Nobody uses anything, and nobody has looked yet.
pub(super) fn empty() -> World {
    let text = Campaign::builtin("builtin:bitbucket-app-passwords").expect("it is built in");
    let campaign = Campaign::parse(text).expect("it is valid");
    let now = at("2026-07-03T07:00:00Z");
    let idle = |window: &Window| NextWindow { window: *window, expected: 0.0, integrations: 0, most_exposed: Vec::new() };
    let windows = campaign.windows_after(now, 8).iter().map(idle).collect();
    World {
        findings: Findings {
            now,
            campaigns: vec![CampaignFindings {
                campaign,
                integrations: Vec::new(),
                burndown: Vec::new(),
                windows,
                forecast: Forecast::NotEnough("nobody was seen with app passwords yet".to_owned()),
            }],
            users: Vec::new(),
            authentications: Authentications::default(),
            tokens: Vec::new(),
            traces: Vec::new(),
            new_keys: Vec::new(),
            observation: None,
            reidentified: Vec::new(),
            silences: Vec::new(),
        },
        policy: Policy::default(),
        expiries: Vec::new(),
        clients: ClientCatalogue::builtin().expect("it is valid"),
        ledger: Ledger::default(),
        changes: Vec::new(),
        reported: BTreeMap::new(),
        forecasts: BTreeMap::new(),
        previous: None,
        looking_back: false,
        late: None,
        undelivered: Vec::new(),
        failing: Vec::new(),
        sources: Vec::new(),
        unknown: Vec::new(),
        own_credentials: Vec::new(),
        blind_spots: Vec::new(),
        organizations: Vec::new(),
        timezone: TimeZone::UTC,
        service: Service::default(),
        top: 0,
        journal: Vec::new(),
        judged_otherwise: 0,
        told_events: BTreeMap::new(),
        fresh: 0,
        pseudonyms: false,
        roster: Roster::default(),
    }
}

/// A row that works every day and has nothing special.
pub(super) fn integration(id: &str, rank: u32, status: Status) -> Integration {
    Integration {
        id: id.to_owned(),
        former_ids: Vec::new(),
        rank: Some(rank),
        status,
        returned: false,
        waiver: None,
        window_only: false,
        closed: None,
        seen_since: false,
        unseen_since: None,
        grade: Grade::Strong,
        score: 100.0 - f64::from(rank),
        stays: 0.8,
        terms: vec![Term { name: "uses", value: 3.0, words: "12 uses a week".to_owned() }],
        user: Person {
            id: format!("712020:{id}"),
            name: Some("Mara Tessel".to_owned()),
            email: Some("mara@acme.test".to_owned()),
        },
        name_state: NameState::Resolved,
        leaver: false,
        secret_shared_with: Vec::new(),
        owner: Some("payments".to_owned()),
        owner_email: Some("payments@acme.test".to_owned()),
        owner_why: Some("matches repository payments-*".to_owned()),
        lead_time_days: 14,
        workspaces: vec!["acme".to_owned()],
        workspace: Some("acme".to_owned()),
        client: "git-cli".to_owned(),
        client_name: "git command line".to_owned(),
        category: Category::GitClient,
        origin: "build-farm".to_owned(),
        machine: None,
        period_days: Some(1.0),
        silent_days: 0,
        horizon_days: 7.0,
        days_to_silence: 7,
        first_seen: at("2026-02-02T06:10:00Z"),
        last_seen: at("2026-07-03T06:07:12.482Z"),
        last_accepted: Some(at("2026-07-03T05:07:12Z")),
        last_rejected: Some(at("2026-07-03T06:07:12.482Z")),
        uses_7d: 12,
        uses_30d: 1_234,
        weekly_rejected: 2.0,
        rejected_30d: 8,
        writes_30d: 4,
        repositories: vec!["acme/payments-api".to_owned(), "acme/payments-web".to_owned()],
        highest_permission: Some("write".to_owned()),
        replacement: None,
        replacement_last_seen: None,
        replacement_rejected_30d: 0,
        deadline: at("2026-07-28T00:00:00Z"),
        latest_safe_start: at("2026-07-14T00:00:00Z"),
        advice: "Create an API token with scopes; for git use x-bitbucket-api-token-auth as the username".to_owned(),
        reasons: vec![
            "used on 30 of the last 30 days".to_owned(),
            "basic authentication with a nickname on the REST host".to_owned(),
        ],
        contradiction: false,
        rhythm: Rhythm {
            kind: RhythmKind::WorkingDays,
            words: "runs on working days (likely)".to_owned(),
            confidence: 0.7,
            machine: None,
            machine_probability: None,
            next: None,
            missed: 0,
            silence: String::new(),
        },
        weekly_uses: 7.0,
        brownouts: Brownouts::default(),
        exposure: Exposure::default(),
        proof: None,
        trap: None,
        lift: Lift::default(),
        sources: vec!["log/egress".to_owned()],
    }
}

fn integrations() -> Vec<Integration> {
    let mut failing = integration("k7m2qd4x", 1, Status::Failing);
    failing.grade = Grade::Proven;
    failing.lead_time_days = 45;
    failing.latest_safe_start = at("2026-06-13T00:00:00Z");
    failing.client = "jenkins".to_owned();
    failing.client_name = "Jenkins core and plugins that send their own name".to_owned();
    failing.category = Category::Ci;
    failing.reasons = vec!["refused with CHANGE-3222 since 2026-07-01".to_owned(), "8 of its 12 uses this week wrote".to_owned()];
    failing.replacement_rejected_30d = 3;
    failing.trap = Some(Trap {
        kind: TrapKind::EmailOnGit,
        uses: 3,
        words: "a replacement was refused 3 times in 30 days: an e-mail address is its username on git".to_owned(),
    });
    let mut possible = integration("m3x9t2wq", 2, Status::Active);
    possible.grade = Grade::Weak;
    possible.window_only = true;
    possible.owner = None;
    possible.user = Person { id: "name:backup-bot".to_owned(), name: None, email: None };
    possible.name_state = NameState::Unresolved;
    let mut migrating = integration("p5r8c2aa", 3, Status::Migrating);
    migrating.replacement = Some(Credential::ApiToken);
    migrating.replacement_last_seen = Some(at("2026-07-02T22:00:00Z"));
    migrating.waiver = Some(0);
    migrating.leaver = true;
    let mut quiet = integration("q2w4e6r8", 4, Status::Quiet);
    quiet.unseen_since = Some(at("2026-06-20T00:00:00Z"));
    quiet.last_rejected = None;
    quiet.former_ids = vec!["b7h3v5nm".to_owned()];
    failing.secret_shared_with = vec![quiet.id.clone()];
    quiet.secret_shared_with = vec![failing.id.clone()];
    let mut migrated = integration("zz7y3b5d", 5, Status::Migrated);
    migrated.rank = None;
    migrated.replacement = Some(Credential::AccessToken);
    vec![failing, possible, migrating, quiet, migrated]
}

fn burndown() -> Vec<BurndownDay> {
    let first = day("2026-02-02");
    (0..152_u32)
        .map(|n| {
            let remaining = 12 + n / 4 - if n > 60 { (n - 60) * 45 / 91 } else { 0 };
            BurndownDay {
                day: first.plus(i32::try_from(n).unwrap_or(0)),
                remaining,
                remaining_known: (remaining * 3).div_ceil(4),
                active: remaining,
                users_remaining: remaining / 2,
                uses: u64::from(remaining) * 30,
                migrated: n / 8,
                ..BurndownDay::default()
            }
        })
        .collect()
}

fn change(day_text: &str, integration: &str, from: Option<Status>, to: Status, cause: ChangeCause, reason: &str) -> Change {
    Change {
        day: day(day_text),
        campaign: CAMPAIGN.to_owned(),
        integration: integration.to_owned(),
        from,
        to: Some(to),
        cause,
        reason: reason.to_owned(),
    }
}

fn changes() -> Vec<Change> {
    vec![
        change("2026-06-30", "k7m2qd4x", None, Status::Active, ChangeCause::Discovered, "first legacy use on 30 June"),
        change(
            "2026-07-02",
            "zz7y3b5d",
            Some(Status::Active),
            Status::Migrated,
            ChangeCause::Migrated,
            "API token since 24 June",
        ),
        change("2026-07-01", "k7m2qd4x", Some(Status::Active), Status::Failing, ChangeCause::Moved, "refused since 1 July"),
        change("2026-07-02", "m3x9t2wq", None, Status::Active, ChangeCause::Discovered, "first legacy use on 2 July"),
    ]
}

fn ledger() -> Ledger {
    let interval = |from: &str, to: &str, state, items, reason: &str| Coverage {
        from_ms: at(from).as_millisecond(),
        to_ms: at(to).as_millisecond(),
        state,
        items,
        skipped: 2,
        reason: reason.to_owned(),
    };
    let mut ledger = Ledger::default();
    let covered = CoverageState::Covered;
    ledger
        .sources
        .insert("audit/acme".to_owned(), vec![interval("2026-02-01T00:00:00Z", "2026-07-03T06:59:00Z", covered, 120_344, "")]);
    ledger.sources.insert(
        "log/egress".to_owned(),
        vec![
            interval("2026-02-01T00:00:00Z", "2026-07-02T20:00:00Z", covered, 981_002, ""),
            interval("2026-07-02T20:00:00Z", "2026-07-02T23:30:00Z", CoverageState::Missed, 0, "the file was not readable"),
            interval("2026-07-02T23:30:00Z", "2026-07-03T06:59:50Z", covered, 4_100, ""),
        ],
    );
    ledger.sources.insert(
        "tokens/acme".to_owned(),
        vec![interval(
            "2026-07-02T00:00:00Z",
            "2026-07-03T07:00:00Z",
            CoverageState::NotPermitted,
            0,
            "403: the key lacks read:tokens:admin",
        )],
    );
    ledger
}

fn sources() -> Vec<SourceLine> {
    let fine = |name: &str, items| SourceLine {
        name: name.to_owned(),
        last_success: Some(at("2026-07-03T06:59:00Z")),
        items,
        ..SourceLine::default()
    };
    let mut audit = fine("audit/acme", 120_344);
    audit.requests = vec![("2xx".to_owned(), 603), ("429".to_owned(), 2)];
    audit.budget_used = Some(0.4);
    audit.skipped = vec![SkippedLine {
        reason: "concerns neither Bitbucket nor credentials".to_owned(),
        count: 77,
        sample: "action=jira_issue_viewed".to_owned(),
    }];
    let tokens = SourceLine {
        name: "tokens/acme".to_owned(),
        last_failure: Some((at("2026-07-03T06:30:00Z"), "403: add the scope read:tokens:admin to ATLASSIAN_API_KEY".to_owned())),
        ..SourceLine::default()
    };
    vec![audit, tokens, fine("log/egress", 985_102)]
}

fn token(id: &str, expires: Option<&str>, days_left: Option<i32>) -> TokenFinding {
    TokenFinding {
        token: id.to_owned(),
        kind: Credential::ApiToken,
        label: "ci token".to_owned(),
        user: Person { id: "712020:a".to_owned(), name: None, email: Some("mara@acme.test".to_owned()) },
        owner: Some("payments".to_owned()),
        integrations: Vec::new(),
        status: "ALLOWED".to_owned(),
        created_at: Some(at("2025-07-12T00:00:00Z")),
        last_active_at: None,
        expires_at: expires.map(at),
        days_left,
        lead_time_days: 14,
        leaver: false,
        listed_by: "tokens/acme".to_owned(),
    }
}

fn users() -> Vec<UserFinding> {
    let user = |id: &str, name: Option<&str>, remaining| UserFinding {
        user: Person { id: id.to_owned(), name: name.map(str::to_owned), email: None },
        owner: None,
        remaining_integrations: remaining,
        legacy_uses_30d: 1_234,
        replacement_uses_30d: 3,
        other_uses_30d: 0,
        last_legacy: Some(at("2026-07-03T06:07:12Z")),
        live_api_tokens: Some(1),
        last_accessed: None,
        highest_permission: None,
        observed: None,
        member: Some(true),
    };
    let mut unseen = user("712020:u9x4w2kd", Some("Ivo Brandt"), 0);
    unseen.last_accessed = Some(at("2026-07-02T15:20:00Z"));
    unseen.observed = Some(false);
    vec![user("712020:k7m2qd4x", Some("Mara Tessel"), 1), unseen, user("name:backup-bot", None, 1)]
}

pub(super) fn authentications() -> Vec<Authentication> {
    let count = |day_text: &str, outcome, uses| Authentication {
        day: day(day_text),
        user: "712020:k7m2qd4x".to_owned(),
        integration: "k7m2qd4x".to_owned(),
        workspace: "acme".to_owned(),
        credential: Credential::AppPassword,
        grade: Grade::Proven,
        outcome,
        uses,
    };
    vec![count("2026-07-02", Outcome::Accepted, 40), count("2026-07-03", Outcome::Rejected, 8)]
}

fn service() -> Service {
    let total = |workspace: &str, uses| AuthenticationTotal {
        workspace: workspace.to_owned(),
        credential: Credential::AppPassword,
        outcome: Outcome::Accepted,
        grade: Grade::Strong,
        uses,
    };
    Service {
        authentications: vec![total("acme", 41), total("elsewhere", 1), total("somewhere", 2)],
        deliveries: vec![DeliveryTotal { channel: "mail".to_owned(), outcome: "sent", count: 9 }],
        outbox_pending: 0,
        store_bytes: 5_242_880,
        free_bytes: None,
    }
}

pub(super) fn made(on: &str, target: &str, [p10, p50, p90]: [u32; 3]) -> Recorded {
    Recorded { day: day(on), target: day(target), quantiles: Quantiles { p10, p50, p90 }, zero_probability: 0.04 }
}

fn forecast() -> Forecast {
    Forecast::Known(Box::new(Outlook {
        counted: Counted::Remaining,
        zero_day: Quantiles { p10: Some(day("2026-07-30")), p50: Some(day("2026-08-19")), p90: None },
        path: vec![made("2026-07-03", "2026-07-10", [4, 5, 6]), made("2026-07-03", "2026-07-27", [1, 2, 4])],
        still_used: 4.2,
        needed_a_week: 1.2,
        stopped_a_week: 0.8,
        last_visible_stop: day("2026-07-20"),
        moves: vec![
            Move {
                client: "jenkins".to_owned(),
                owner: Some("payments".to_owned()),
                integrations: vec!["k7m2qd4x".to_owned(), "m3x9t2wq".to_owned()],
                effect: 1.4,
            },
            Move { client: "git-cli".to_owned(), owner: None, integrations: vec!["q2w8e4rt".to_owned()], effect: 0.7 },
        ],
    }))
}

fn reported(n: i32) -> ReportedDay {
    let observed = (n > 20).then_some(Share { part: 40 + n.unsigned_abs(), whole: 80 });
    ReportedDay { day: day("2026-06-03").plus(n), remaining: 17 - n.unsigned_abs() / 3, observed }
}

/// Three workspaces: one whose activities are told, one that has moved, one that is closed to us.
fn observation() -> Observation {
    let workspace = |name: &str, activity, members, active, observed| ObservedWorkspace {
        workspace: name.to_owned(),
        activity,
        members,
        active,
        observed,
    };
    Observation {
        workspaces: vec![
            workspace("acme", Activity::Told, 96, 80, 61),
            workspace("core", Activity::NoLongerTold(day("2026-06-12")), 40, 0, 12),
            workspace("labs", Activity::NoList, 0, 0, 0),
        ],
        active: 80,
        observed: 61,
        strangers: 2,
    }
}

/// The organisation that the snapshots show.
pub(super) fn acme() -> World {
    let mut world = empty();
    world.findings.observation = Some(observation());
    world.campaign().integrations = integrations();
    world.campaign().burndown = burndown();
    world.campaign().forecast = forecast();
    let next = &mut world.campaign().windows[1];
    (next.expected, next.integrations) = (7.3, 4);
    next.most_exposed = [("k7m2qd4x", 3.9), ("m3x9t2wq", 2.0)].map(|(id, uses)| (id.to_owned(), uses)).to_vec();
    world.findings.users = users();
    world.findings.authentications = authentications().into_iter().collect();
    world.findings.tokens = vec![
        token("t-1", Some("2026-07-12T00:00:00Z"), Some(9)),
        token("t-2", Some("2026-12-01T00:00:00Z"), Some(151)),
        token("t-3", None, None),
    ];
    world.policy.waivers = vec![Waiver {
        integration: "p5r8c2aa".to_owned(),
        until: "2026-07-10".parse().expect("a date"),
        requester: "payments".to_owned(),
        approver: "CISO".to_owned(),
        ticket: "SEC-1234".to_owned(),
        reason: "vendor release in July".to_owned(),
    }];
    world.ledger = ledger();
    world.changes = changes();
    world.reported.insert(CAMPAIGN.to_owned(), (0..30).map(reported).collect());
    world.forecasts.insert(
        CAMPAIGN.to_owned(),
        vec![made("2026-06-20", "2026-06-27", [7, 9, 11]), made("2026-06-20", "2026-07-27", [1, 3, 7])],
    );
    world.previous =
        Some(Previous { sent_at: at("2026-07-02T07:00:00Z"), remaining: BTreeMap::from([(CAMPAIGN.to_owned(), 6)]), changes: 1 });
    world.sources = sources();
    world.unknown = vec![UnknownTotal {
        field: "auth_type".to_owned(),
        value: "quantum".to_owned(),
        count: 3,
        first: Day(20_600),
        last: Day(20_630),
    }];
    world.own_credentials = vec![OwnCredential {
        name: "organization.acme.api_key".to_owned(),
        kind: Credential::Unknown,
        expires: Some("2026-07-10".parse().expect("a date")),
    }];
    world.blind_spots = vec![BlindSpot { name: "SaaS scanners".to_owned(), reason: "they run outside our egress".to_owned() }];
    world.organizations = vec![Organization { name: "acme".to_owned(), workspaces: vec!["acme".to_owned()] }];
    world.service = service();
    let accepted = "first accepted: payments (lead time 45 d)";
    let first = JournalEntry::after(None, at("2026-06-01T08:00:00.250Z"), "mtessel (duskwatch run)", "owners", accepted);
    let second =
        JournalEntry::after(Some(&first), at("2026-07-01T09:30:00Z"), "=cmd (duskwatch poll)", "waivers", "removed k7m2qd4x");
    world.journal = vec![first, second];
    world
}

/// The same organisation on day 116 after the removal.
pub(super) fn after_the_removal() -> World {
    let mut world = acme();
    world.findings.now = at("2026-11-21T07:00:00Z");
    world.findings.observation = None;
    world.findings.tokens[0].expires_at = Some(at("2026-11-30T00:00:00Z"));
    world.previous = None;
    if let Forecast::Known(outlook) = &mut world.campaign().forecast {
        outlook.counted = Counted::Failing;
        outlook.zero_day.p90 = Some(day("2027-01-09"));
        outlook.path = vec![made("2026-11-21", "2026-12-19", [0, 1, 1])];
    }
    world.campaign().integrations[2].status = Status::Stale;
    world.campaign().integrations[2].waiver = None;
    world
}

pub(super) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn subject(world: &World) -> String {
    letter::digest(&world.report()).subject
}

/// An organisation in which a log was read, and nothing found.
pub(super) fn watched() -> World {
    let mut world = empty();
    let now_ms = world.findings.now.as_millisecond();
    let (state, reason) = (CoverageState::Covered, String::new());
    let day = Coverage { from_ms: now_ms - 86_400_000, to_ms: now_ms, state, items: 9, skipped: 0, reason };
    world.ledger.sources.insert("log/egress".to_owned(), vec![day]);
    world
}
