//! What software signs in, how it names itself, how often it works and what it does: the templates of integrations.

/// How often something works. Hours are UTC.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rhythm {
    /// Around the clock, this often a day, evenly with jitter.
    Interval(f64),
    /// When people work, this often on a working day.
    Office(f64),
    /// Once a night, over all its repositories.
    Nightly,
    /// The first two of its repositories every night, all of them once a week.
    NightlyAndWeekly,
    /// Once a week, at night.
    Weekly,
    /// Once in two weeks, when a sprint ends.
    Fortnightly,
    /// Once a month.
    Monthly,
    /// By somebody who seldom needs it: on a working day with this chance, a few times then.
    Sporadic(f64),
}

impl Rhythm {
    /// What walks at night takes as many repositories as there are.
    pub fn takes_all(self) -> bool {
        matches!(self, Self::Nightly | Self::NightlyAndWeekly)
    }
}

/// One client of a deployment: one user agent, one way of working.
#[derive(Debug)]
pub(super) struct Part {
    /// The client catalogue's id for these agents, or `unknown`.
    pub client: &'static str,
    /// Versions, oldest first; upgrades walk along.
    pub agents: &'static [&'static str],
    /// Percent of uses that go to the REST API.
    pub rest: u32,
    /// Percent of uses that write.
    pub writes: u32,
    pub rhythm: Rhythm,
}

/// Where a kind of deployment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    BuildFarm,
    Cluster,
    Datacenter,
    /// A network without a name.
    Branch,
    Laptop,
}

/// A piece of software as it is deployed: one or two clients with one secret.
#[derive(Debug)]
pub(super) struct Kind {
    pub name: &'static str,
    pub weight: u32,
    pub place: Place,
    /// Run by a service account rather than by a person's own.
    pub service: bool,
    /// Multiplies how fast it migrates.
    pub ease: f64,
    /// Writes job output that somebody collects.
    pub job: bool,
    pub parts: &'static [Part],
}

const GIT: &[&str] = &["git/2.34.1", "git/2.39.2", "git/2.43.0", "git/2.45.1", "git/2.47.3"];
const GIT_WINDOWS: &[&str] = &["git/2.42.0.windows.2", "git/2.45.1.windows.1", "git/2.47.1.windows.2"];
const GIT_APPLE: &[&str] = &["git/2.39.3 (Apple Git-146)", "git/2.39.5 (Apple Git-154)", "git/2.50.1 (Apple Git-155)"];
const JGIT: &[&str] = &["JGit/6.8.0.202311291450-r", "JGit/6.10.1.202505221210-r", "JGit/7.2.1.202505142326-r"];
const GO_GIT: &[&str] = &["go-git/5.x"];
const HTTP_CLIENT: &[&str] = &["Apache-HttpClient/4.5.13 (Java/17.0.8)", "Apache-HttpClient/4.5.14 (Java/17.0.11)"];
const RENOVATE: &[&str] = &[
    "RenovateBot/39.264.0 (https://github.com/renovatebot/renovate)",
    "RenovateBot/41.97.2 (https://github.com/renovatebot/renovate)",
    "RenovateBot/42.30.1 (https://github.com/renovatebot/renovate)",
];
const TERRAFORM: &[&str] = &[
    "HashiCorp Terraform/1.5.7 (+https://www.terraform.io) Terraform Plugin SDK/2.10.1 terraform-provider-bitbucket/2.37.2",
    "HashiCorp Terraform/1.9.8 (+https://www.terraform.io) Terraform Plugin SDK/2.10.1 terraform-provider-bitbucket/2.48.0",
];
const COMPOSER: &[&str] = &[
    "Composer/2.7.1 (Linux; 5.15.0-105-generic; PHP 8.2.16; cURL 8.5.0)",
    "Composer/2.8.12 (Linux; 6.8.0-60-generic; PHP 8.3.9; cURL 8.9.1)",
];
const AZURE: &[&str] = &["git/2.43.0 (vsts-agent-git/3.236.1)", "git/2.45.1 (vsts-agent-git/3.248.0)"];
const IDEA: &[&str] = &["IntelliJ IDEA/2025.1.3", "IntelliJ IDEA/2025.3.1", "IntelliJ IDEA/2026.1"];
const GICKUP: &[&str] = &["gickup/0.10.38", "gickup/0.10.41"];
const CURL: &[&str] = &["curl/7.88.1", "curl/8.5.0", "curl/8.14.1"];
const REQUESTS: &[&str] = &["python-requests/2.28.2", "python-requests/2.31.0", "python-requests/2.32.5"];
const OKHTTP: &[&str] = &["okhttp/4.11.0", "okhttp/4.12.0"];
const AXIOS: &[&str] = &["axios/1.6.7", "axios/1.7.9", "axios/1.13.2"];
const POWERSHELL: &[&str] = &["Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.17763.5458"];
const GO_HTTP: &[&str] = &["Go-http-client/1.1", "Go-http-client/2.0"];
const LIBGIT2: &[&str] = &["git/2.0 (libgit2 1.7.1)", "git/2.0 (libgit2 1.8.4)"];
const DESKTOP: &[&str] = &["dugite/2.7.0", "dugite/3.0.0"];
const HOMEMADE: &[&str] =
    &["AcmeDeployTool/3.2 (+https://tools.example.test)", "AcmeDeployTool/3.4 (+https://tools.example.test)"];
const SYNC: &[&str] = &["internal-sync 0.9.2"];

const fn git(client: &'static str, agents: &'static [&'static str], writes: u32, rhythm: Rhythm) -> Part {
    Part { client, agents, rest: 0, writes, rhythm }
}

const fn rest(client: &'static str, agents: &'static [&'static str], writes: u32, rhythm: Rhythm) -> Part {
    Part { client, agents, rest: 100, writes, rhythm }
}

const fn machine(name: &'static str, weight: u32, place: Place, ease: f64, job: bool, parts: &'static [Part]) -> Kind {
    Kind { name, weight, place, service: true, ease, job, parts }
}

const fn own(name: &'static str, weight: u32, place: Place, ease: f64, parts: &'static [Part]) -> Kind {
    Kind { name, weight, place, service: false, ease, job: false, parts }
}

/// Every kind of deployment; weights are shares of the deployments of an organisation.
pub(super) const KINDS: &[Kind] = &[
    machine(
        "jenkins-multibranch",
        11,
        Place::BuildFarm,
        0.8,
        true,
        &[rest("apache-httpclient", HTTP_CLIENT, 18, Rhythm::Office(16.0)), git("git-cli", GIT, 3, Rhythm::Office(13.0))],
    ),
    machine("jenkins-nightly", 6, Place::BuildFarm, 0.7, true, &[git("jgit", JGIT, 0, Rhythm::Nightly)]),
    machine("bamboo", 3, Place::Datacenter, 0.35, true, &[git("jgit", JGIT, 4, Rhythm::Office(9.0))]),
    machine(
        "renovate",
        6,
        Place::Cluster,
        1.8,
        false,
        &[rest("renovate", RENOVATE, 30, Rhythm::Interval(12.0)), git("git-cli", GIT, 35, Rhythm::Interval(6.0))],
    ),
    machine(
        "terraform",
        5,
        Place::Cluster,
        0.9,
        false,
        &[rest("terraform-provider-bitbucket", TERRAFORM, 45, Rhythm::Office(3.5))],
    ),
    machine("argocd", 5, Place::Cluster, 0.8, false, &[git("go-git", GO_GIT, 0, Rhythm::Interval(24.0))]),
    machine("flux", 4, Place::Branch, 0.8, false, &[git("go-git", GO_GIT, 2, Rhythm::Interval(20.0))]),
    machine("composer", 4, Place::BuildFarm, 0.9, true, &[git("composer", COMPOSER, 0, Rhythm::Office(5.0))]),
    machine("azure-agent", 5, Place::Branch, 1.0, false, &[git("azure-pipelines-agent", AZURE, 2, Rhythm::Office(9.0))]),
    machine("sonar", 3, Place::Datacenter, 0.9, false, &[rest("okhttp", OKHTTP, 50, Rhythm::Office(7.0))]),
    machine(
        "mirror",
        5,
        Place::Datacenter,
        0.5,
        false,
        &[Part { client: "gickup", agents: GICKUP, rest: 25, writes: 0, rhythm: Rhythm::Nightly }],
    ),
    machine("mirror-script", 4, Place::Branch, 0.4, false, &[git("git-cli", GIT, 0, Rhythm::Nightly)]),
    machine("go-service", 4, Place::Cluster, 0.8, false, &[rest("go-http-client", GO_HTTP, 20, Rhythm::Interval(14.0))]),
    machine("release-bot", 4, Place::BuildFarm, 1.2, true, &[rest("axios", AXIOS, 55, Rhythm::Office(4.0))]),
    machine("homemade", 3, Place::Branch, 0.6, false, &[rest("unknown", HOMEMADE, 30, Rhythm::Office(5.0))]),
    machine("sync", 2, Place::Datacenter, 0.5, false, &[rest("unknown", SYNC, 10, Rhythm::Interval(8.0))]),
    machine("archive", 4, Place::Datacenter, 0.5, true, &[git("git-cli", GIT, 0, Rhythm::NightlyAndWeekly)]),
    own("curl-script", 8, Place::Branch, 0.6, &[rest("curl", CURL, 20, Rhythm::Weekly)]),
    own("release-notes", 3, Place::Branch, 0.6, &[rest("curl", CURL, 60, Rhythm::Fortnightly)]),
    own("python-report", 6, Place::Branch, 0.6, &[rest("python-requests", REQUESTS, 15, Rhythm::Monthly)]),
    own("python-hourly", 4, Place::Datacenter, 0.7, &[rest("python-requests", REQUESTS, 25, Rhythm::Interval(10.0))]),
    own("powershell", 3, Place::Branch, 0.5, &[rest("powershell", POWERSHELL, 25, Rhythm::Monthly)]),
    own("dockerfile", 4, Place::BuildFarm, 0.4, &[git("git-cli", GIT, 0, Rhythm::Office(4.0))]),
    own("indexer", 2, Place::Cluster, 0.7, &[git("libgit2", LIBGIT2, 0, Rhythm::Interval(8.0))]),
    own("laptop", 17, Place::Laptop, 1.1, &[git("git-cli", GIT, 25, Rhythm::Office(3.2))]),
    own("laptop-windows", 10, Place::Laptop, 1.0, &[git("git-windows", GIT_WINDOWS, 25, Rhythm::Office(2.8))]),
    own("laptop-mac", 9, Place::Laptop, 1.2, &[git("git-apple", GIT_APPLE, 25, Rhythm::Office(3.0))]),
    own("occasional", 4, Place::Laptop, 0.8, &[git("git-cli", GIT, 35, Rhythm::Sporadic(0.12))]),
    own("desktop", 3, Place::Laptop, 1.3, &[git("github-desktop", DESKTOP, 25, Rhythm::Office(1.5))]),
    own(
        "ide",
        7,
        Place::Laptop,
        1.3,
        &[rest("jetbrains-ide", IDEA, 8, Rhythm::Office(3.0)), git("git-cli", GIT, 25, Rhythm::Office(2.5))],
    ),
];
