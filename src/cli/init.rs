//! `init`: a commented configuration from a few answers, or from flags alone.

use std::{
    fs::OpenOptions,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;

use super::{Failure, say};
use crate::config::{self, Secrets};

/// Lines of an answer that are read before somebody is believed to be no person.
const MAX_TRIES: usize = 10;

/// What is not given is asked for on a terminal. A secret is never given: only where it will be found, as env:NAME or
/// file:PATH.
#[derive(Args)]
pub struct Arguments {
    /// Your word for the Atlassian organisation.
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// Its id, from the address bar of admin.atlassian.com.
    #[arg(long, value_name = "ID")]
    organization_id: Option<String>,
    /// Where its API key is found.
    #[arg(long, value_name = "REFERENCE", default_value = "env:ATLASSIAN_API_KEY")]
    api_key: String,
    /// A Bitbucket workspace; may be repeated.
    #[arg(long, value_name = "SLUG")]
    workspace: Vec<String>,
    /// Where the workspace access token, or with --workspace-email the API token, is found.
    #[arg(long, value_name = "REFERENCE", default_value = "env:BITBUCKET_TOKEN")]
    workspace_token: String,
    /// The e-mail address of the account whose API token it is.
    #[arg(long, value_name = "ADDRESS")]
    workspace_email: Option<String>,
    /// Log files that show who signs in, a glob; may be repeated. Format json unless written FORMAT:GLOB.
    #[arg(long, value_name = "[FORMAT:]GLOB")]
    log: Vec<String>,
    /// smtps://host:465, or smtp://host:587.
    #[arg(long, value_name = "URL")]
    mail_server: Option<String>,
    #[arg(long, value_name = "NAME")]
    mail_username: Option<String>,
    /// Where the password for the mail server is found.
    #[arg(long, value_name = "REFERENCE", default_value = "env:SMTP_PASSWORD")]
    mail_password: String,
    /// The sender, such as "Duskwatch <duskwatch@example.org>".
    #[arg(long, value_name = "ADDRESS")]
    mail_from: Option<String>,
    /// Who receives the daily digest; may be repeated.
    #[arg(long, value_name = "ADDRESS")]
    security: Vec<String>,
    /// Who receives the weekly brief; may be repeated.
    #[arg(long, value_name = "ADDRESS")]
    leadership: Vec<String>,
    /// IANA name of the time zone in which mails are due.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: String,
    /// The database file.
    #[arg(long, value_name = "PATH", default_value = "duskwatch.db")]
    store: PathBuf,
}

pub fn run(mut arguments: Arguments, file: &Path) -> Result<(), Failure> {
    if file.exists() {
        return Err(there_already(file));
    }
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        arguments.ask()?;
    }
    let missing = arguments.missing();
    if !missing.is_empty() {
        return Err(Failure::Usage(format!("without a terminal to ask on, init needs {}", missing.join(", "))));
    }
    let text = arguments.configuration();
    // What cannot work is refused before it is written.
    config::parse(&file.display().to_string(), &text, Secrets::Unneeded).map_err(Failure::Configuration)?;
    let made = OpenOptions::new().write(true).create_new(true).open(file);
    match made.and_then(|mut made| made.write_all(text.as_bytes())) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(there_already(file)),
        Err(error) => return Err(Failure::Failed(anyhow::Error::new(error).context(file.display().to_string()))),
    }
    Ok(say(&arguments.next_steps(file))?)
}

fn there_already(file: &Path) -> Failure {
    Failure::Failed(anyhow::anyhow!(
        "{} is there already and stays as it is: move it away, or name another with --config",
        file.display()
    ))
}

impl Arguments {
    fn ask(&mut self) -> anyhow::Result<()> {
        super::complain(&"An empty answer takes what stands in brackets, or leaves the part out.");
        if self.organization.is_none() {
            self.organization = ask("Your word for the Atlassian organisation", "acme")?;
        }
        if self.organization_id.is_none() {
            self.organization_id = ask_until("Its id, from the address bar of admin.atlassian.com")?;
        }
        if self.workspace.is_empty() {
            self.workspace = words(ask("Slugs of its Bitbucket workspaces, separated by blanks", "")?.as_deref());
        }
        if self.log.is_empty() {
            self.log = words(ask("Globs of log files that show who signs in (egress proxy, gateway)", "")?.as_deref());
        }
        if self.mail_server.is_none() {
            self.mail_server = ask("Mail server, such as smtps://mail.example.org:465", "")?;
        }
        if self.mail_server.is_some() {
            self.ask_for_mail()?;
        }
        Ok(())
    }

    fn ask_for_mail(&mut self) -> anyhow::Result<()> {
        if self.mail_username.is_none() {
            self.mail_username = ask("User name at the mail server", "")?;
        }
        if self.mail_from.is_none() {
            self.mail_from = ask_until("Sender, such as Duskwatch <duskwatch@example.org>")?;
        }
        if self.security.is_empty() {
            self.security = words(ask("Addresses that receive the daily digest, separated by blanks", "")?.as_deref());
        }
        if self.leadership.is_empty() {
            self.leadership = words(ask("Addresses that receive the weekly brief, separated by blanks", "")?.as_deref());
        }
        Ok(())
    }

    /// The flags that are needed and were not given.
    fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.organization.is_some() || self.log.is_empty() {
            missing.extend(self.organization.is_none().then_some("--organization"));
            missing.extend(self.organization_id.is_none().then_some("--organization-id"));
        }
        missing.extend((self.mail_server.is_some() && self.mail_from.is_none()).then_some("--mail-from"));
        missing
    }

    fn configuration(&self) -> String {
        let mut out = Draft("# Configuration of duskwatch. Every option, with its default: config/default.toml.\n".to_owned());
        out.line("# Secrets stand here by reference only: \"env:NAME\" or \"file:/run/credentials/…\".");
        self.organization_sections(&mut out);
        self.log_sections(&mut out);
        out.line("\n[store]");
        out.key("path", &self.store.display().to_string(), "one file, for its owner only");
        out.line("\n# The page: http://127.0.0.1:9188/ on this machine. Beyond it a token is required, and TLS wise.");
        out.line("# [http]\n# listen = \"0.0.0.0:9188\"\n# token = \"env:DUSKWATCH_HTTP_TOKEN\"");
        out.line("# tls = { certificate = \"/etc/duskwatch/page.pem\", key = \"/etc/duskwatch/page.key\" }");
        out.line("\n[schedule]");
        out.key("timezone", &self.timezone, "digest daily at 07:00, brief on Mondays at 08:00, by this clock");
        self.mail_section(&mut out);
        out.line("\n# Teams and what is theirs: the digest names them, and their lead time moves the latest safe start.");
        out.line("# [[owner]]\n# name = \"payments\"\n# lead_time = \"45d\"\n# match = { repository = \"payments-*\" }");
        out.0
    }

    fn organization_sections(&self, out: &mut Draft) {
        let Some(organization) = &self.organization else { return };
        out.line("\n[[organization]]");
        out.key("name", organization, "");
        out.key("id", self.organization_id.as_deref().unwrap_or_default(), "");
        out.key("api_key", &self.api_key, "scopes read:events:admin and read:tokens:admin");
        out.line("# api_key_expires = \"2027-05-01\"  # be warned 30, 14, 7 and 1 days ahead");
        for slug in &self.workspace {
            out.line("\n[[organization.workspace]]");
            out.key("slug", slug, "");
            let token = quoted(&self.workspace_token);
            if let Some(email) = &self.workspace_email {
                out.line("# scopes read:workspace:bitbucket, read:repository:bitbucket and admin:repository:bitbucket");
                out.line(&format!("auth = {{ email = {}, api_token = {token} }}", quoted(email)));
            } else {
                out.line("# scopes account, repository and repository:admin");
                out.line(&format!("auth = {{ access_token = {token} }}"));
            }
        }
    }

    fn log_sections(&self, out: &mut Draft) {
        if self.log.is_empty() {
            out.line("\n# Who signs in with an app password is seen in log files only: of an egress proxy, a gateway, CI jobs.");
            out.line("# [[log]]\n# name = \"egress\"\n# paths = [\"/var/log/egress/bitbucket*.jsonl\"]\n# format = \"json\"");
        }
        for (number, log) in self.log.iter().enumerate() {
            let (format, glob) = formatted(log);
            out.line("\n[[log]]");
            let name = if number == 0 { "egress".to_owned() } else { format!("egress-{}", number + 1) };
            out.key("name", &name, "the source is called log/…");
            out.line(&format!("paths = [{}]", quoted(glob)));
            out.key("format", format, "json, csv, combined, squid or transcript");
        }
    }

    fn mail_section(&self, out: &mut Draft) {
        let Some(server) = &self.mail_server else {
            return out.line("\n# Mail goes out when a server is set.\n# [email]\n# server = \"smtps://mail.example.org:465\"");
        };
        out.line("\n[email]");
        out.key("server", server, "");
        if let Some(username) = &self.mail_username {
            out.key("username", username, "");
            out.key("password", &self.mail_password, "");
        }
        out.key("from", self.mail_from.as_deref().unwrap_or_default(), "");
        for (addresses, audience) in [(&self.security, "security"), (&self.leadership, "leadership")] {
            for address in addresses {
                out.line("\n[[email.recipient]]");
                out.key("address", address, "");
                out.key("audience", audience, "");
            }
        }
    }

    /// What to do with the file, in the order in which it is done.
    fn next_steps(&self, file: &Path) -> String {
        let used = [
            (self.organization.is_some(), &self.api_key),
            (self.organization.is_some() && !self.workspace.is_empty(), &self.workspace_token),
            (self.mail_server.is_some() && self.mail_username.is_some(), &self.mail_password),
        ];
        let secrets: Vec<&str> = used.into_iter().filter(|(used, _)| *used).map(|(_, reference)| reference.as_str()).collect();
        let at = file.display();
        let mut steps = Vec::new();
        if !secrets.is_empty() {
            steps.push(format!("put the secrets where they are looked for: {}", secrets.join(", ")));
        }
        steps.push(format!("duskwatch --config {at} check --offline   # the file and the secrets"));
        steps.push(format!("duskwatch --config {at} check             # and every API, the mail server, the directories"));
        steps.push(format!("duskwatch --config {at} poll              # one round of every source"));
        steps.push(format!("duskwatch --config {at} run               # the service"));
        let steps: Vec<String> = steps.iter().zip(1..).map(|(step, n)| format!("  {n}. {step}")).collect();
        format!("{at} is written. Next:\n{}", steps.join("\n"))
    }
}

/// The text so far.
struct Draft(String);

impl Draft {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn key(&mut self, key: &str, value: &str, about: &str) {
        let line = format!("{key} = {}", quoted(value));
        self.line(&if about.is_empty() { line } else { format!("{line:46} # {about}") });
    }
}

/// A TOML text.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A glob, with the format that may stand before it.
fn formatted(log: &str) -> (&str, &str) {
    let known = |format: &str| crate::evidence::format::Format::parse(format).is_some();
    log.split_once(':').filter(|(format, _)| known(format)).unwrap_or(("json", log))
}

fn words(answer: Option<&str>) -> Vec<String> {
    answer.into_iter().flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// One question on the terminal; none where nothing was answered and nothing is proposed.
fn ask(question: &str, proposed: &str) -> anyhow::Result<Option<String>> {
    match proposed {
        "" => eprint!("{question}: "),
        proposed => eprint!("{question} [{proposed}]: "),
    }
    io::stderr().flush().context("the terminal")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("the terminal")?;
    let answer = answer.trim();
    Ok(Some(if answer.is_empty() { proposed } else { answer }.to_owned()).filter(|answer| !answer.is_empty()))
}

/// The same for what is needed.
fn ask_until(question: &str) -> anyhow::Result<Option<String>> {
    for _ in 0..MAX_TRIES {
        if let Some(answer) = ask(question, "")? {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}
