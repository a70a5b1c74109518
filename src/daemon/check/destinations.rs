//! The ways out: the mail server by signing in, receivers of webhooks by an empty question, the collector of metrics by an empty export.

use futures_util::FutureExt as _;
use jiff::Timestamp;

use super::{Finding, Question, State};
use crate::{
    clock::Clock,
    daemon::{
        Options,
        options::{Email, Otel, Webhook},
    },
    deliver::{
        mail::{self, Mail, Mailer, SendError},
        otel,
    },
    network::Network,
};

pub(super) fn questions(options: &Options, test_mail: bool, clock: Clock) -> Vec<Question<'_>> {
    let mut questions: Vec<Question> = Vec::new();
    if let Some(email) = &options.email {
        questions.push(ask_mail_server(email, &options.network, test_mail, clock).boxed());
    } else if test_mail {
        let finding =
            Finding::new(State::Wrong, "mail", "email.server", "no mail server is configured").advising("set [email] server");
        questions.push(async { vec![finding] }.boxed());
    }
    questions.extend(options.webhooks.iter().map(|webhook| ask_receiver(options, webhook).boxed()));
    if let Some(otel) = &options.otel {
        questions.push(ask_collector(otel, &options.network).boxed());
    }
    questions
}

async fn ask_mail_server(email: &Email, network: &Network, test_mail: bool, clock: Clock) -> Vec<Finding> {
    let mailer = network.ca_pem().and_then(|ca_pem| Mailer::new(&email.mail_options(ca_pem)));
    let mailer = match mailer {
        Ok(mailer) => mailer,
        Err(error) => {
            return vec![Finding::new(State::Wrong, "mail", "email.server", format!("{error:#}")).advising("mend [email]")];
        }
    };
    let server = mailer.server();
    let mut findings = vec![match mailer.sign_in().await {
        Ok(()) => {
            let how = email.username.as_ref().map_or("it answers; no username is set", |_| "it takes our username and password");
            Finding::new(State::Ok, "mail", &server, how)
        }
        Err(error) => refused(&server, &error),
    }];
    if email.recipients.is_empty() {
        let finding = Finding::new(State::Warning, "mail", "email.recipient", "nobody receives mail");
        findings.push(finding.advising("add an [[email.recipient]]"));
    }
    if test_mail && findings[0].state == State::Ok {
        let mut addresses: Vec<&String> = email.recipients.iter().map(|(address, _)| address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        for address in addresses {
            findings.push(match send_test_mail(&mailer, &email.from, address, clock.now()).await {
                Ok(()) => {
                    Finding::new(State::Ok, "mail", address, "the server took a test mail").advising("look whether it arrived")
                }
                Err(error) => refused(address, &error),
            });
        }
    }
    findings
}

fn refused(name: &str, error: &SendError) -> Finding {
    let (state, advice) = if error.permanent {
        (State::Wrong, "look at [email] server, username and password, and at what the server wants")
    } else {
        (State::Unreachable, "check [email] server and the way out of this machine, then check again")
    };
    Finding::new(state, "mail", name, error.words.clone()).advising(advice)
}

async fn send_test_mail(mailer: &Mailer, from: &str, to: &str, now: Timestamp) -> Result<(), SendError> {
    let domain = from.rsplit('@').next().unwrap_or_default().trim_end_matches('>');
    let words = format!("This is a test. Somebody asked duskwatch at {now} whether mail from it arrives here. It does.\n");
    let mail = Mail {
        from: from.to_owned(),
        contact: String::new(),
        message_id: format!("duskwatch.check.{}@{domain}", now.as_millisecond()),
        list_id: format!("check.{domain}"),
        date: now,
        html: format!("<p>{}</p>", words.trim_end()),
        text: words,
        inline: Vec::new(),
        attachments: Vec::new(),
    };
    let never = |words: String| SendError::for_good(words);
    let mime = mail::compose(&mail).map_err(|error| never(format!("{error:#}")))?;
    mailer.send(from, to, &mail::addressed(to, "[duskwatch] test mail", &mime).map_err(never)?).await
}

/// Nothing is told: a receiver would act on it.
async fn ask_receiver(options: &Options, webhook: &Webhook) -> Vec<Finding> {
    let asked = match options.hook(webhook) {
        Ok(hook) => hook.reach().await.map_err(anyhow::Error::from),
        Err(error) => Err(error),
    };
    vec![match asked {
        Ok(()) => Finding::new(State::Ok, "webhook", &webhook.label, "it answers; nothing was told"),
        Err(error) => Finding::new(State::Unreachable, "webhook", &webhook.label, format!("{error:#}"))
            .advising("check [[webhook]] url, [network] and whether the receiver runs"),
    }]
}

async fn ask_collector(otel: &Otel, network: &Network) -> Vec<Finding> {
    let endpoint = otel.endpoint.to_string();
    vec![match otel::probe(&otel.export_options(network)).await {
        Ok(()) => Finding::new(State::Ok, "otel", endpoint, "the collector took an empty export"),
        Err(error) => Finding::new(State::Unreachable, "otel", endpoint, format!("{error:#}"))
            .advising("check [otel] endpoint, protocol and headers, and whether the collector runs"),
    }]
}
