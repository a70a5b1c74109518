//! Parts of the service that fail while it collects: told in the digest, on the page, by `/readyz` and in the metrics, each with its
//! reason and since when, until it works.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use axum::{Router, http::StatusCode};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use super::*;
use crate::daemon::{options::Otel, webhooks::Webhook};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A part that fails, since when, and why.
type Failing = (&'static str, Timestamp, &'static str);

/// Whether those to whom something is sent take it.
type Takes = Arc<AtomicBool>;

/// A mail server that refuses every recipient for now until it takes them; its address.
async fn mail_server(takes: Takes) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("smtp+plain://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that hangs up in the middle has said nothing that counts.
            tokio::spawn(converse(stream, Arc::clone(&takes)));
        }
    });
    address
}

async fn converse(stream: TcpStream, takes: Takes) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 here\r\n").await?;
    let (mut in_data, mut line) = (false, String::new());
    while stream.read_line(&mut line).await? > 0 {
        let said = std::mem::take(&mut line);
        let answer: &[u8] = match said.as_str() {
            ".\r\n" => b"250 taken\r\n",
            _ if in_data => continue,
            said if said.starts_with("RCPT") && !takes.load(Ordering::SeqCst) => b"451 4.2.0 come back later\r\n",
            said if said.starts_with("DATA") => b"354 go on\r\n",
            _ => b"250 ok\r\n",
        };
        in_data = answer.starts_with(b"354");
        stream.write_all(answer).await?;
    }
    Ok(())
}

/// A program behind a webhook that answers 503 until it takes what it is told; where it is.
async fn program(takes: Takes) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = move || {
        let status = if takes.load(Ordering::SeqCst) { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE };
        async move { status }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    url
}

/// An address at which nobody listens.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// A service from which everything leaves that can: mails, packages, events, metrics.
async fn telling(directory: &Path, takes: &Takes) -> Service {
    // Another test may have been first.
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut options = options(directory, &mail_server(Arc::clone(takes)).await);
    options.schedule.digest = Some("*/5 * * * *".parse().expect("a line"));
    options.csv.directory = Some(directory.join("csv"));
    options.webhooks = vec![Webhook {
        label: PROGRAM.to_owned(),
        url: program(Arc::clone(takes)).await.parse().expect("an address"),
        secret: SECRET.into(),
    }];
    options.otel = Some(Otel {
        endpoint: nobody().await.parse().expect("an address"),
        grpc: false,
        interval: Duration::from_secs(3_600),
        headers: Vec::new(),
        logs: false,
        traces: false,
    });
    let mut service = service(options);
    service.engine.begin_schedules(noon()).await.expect("a store that works");
    service.exporter = service.engine.start_exporter().expect("an exporter").map(Arc::new);
    service
}

impl Service {
    /// One look, and the end of all that it sends.
    async fn tick(&mut self, now: Timestamp) {
        self.on(Tick::Reports, now).await;
        for sending in [&mut self.sending, &mut self.telling] {
            while let Some(sent) = timeout(SOON, sending.join_next()).await.expect("it ends") {
                sent.expect("it ends well");
            }
        }
    }

    /// What everybody is told who looks now: exactly these parts fail.
    async fn assert_says(&self, now: Timestamp, failing: &[Failing]) {
        let judged = self.engine.judge(now).await.expect("a store that works");
        let letter = judged.letter(&Audience::Security);
        for (name, document) in [("the digest", letter.text), ("its HTML", letter.html)] {
            let document = document.replace("&#x2f;", "/").split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(document.matches(" is failing since ").count(), failing.len(), "{name}: {document}");
            for (part, since, why) in failing {
                let words = format!("{part} is failing since {}: ", since.strftime("%-d %b %Y %H:%M UTC"));
                let said = document.split(&words).nth(1).unwrap_or_else(|| panic!("{name} does not say {words}: {document}"));
                assert!(said.split(" is failing ").next().is_some_and(|said| said.contains(why)), "{name}: {part}: {said}");
            }
        }
        let report: serde_json::Value = serde_json::from_str(&judged.json()).expect("a report");
        let rows = report["failing"].as_array().expect("rows");
        assert_eq!(rows.len(), failing.len(), "{rows:#?}");
        for (row, (part, since, why)) in rows.iter().zip(failing) {
            assert_eq!((&row["part"], &row["since"]), (&(*part).into(), &since.to_string().into()));
            assert!(row["reason"].as_str().is_some_and(|reason| reason.contains(why)), "{row:#}");
        }
        self.assert_shows(failing).await;
    }

    /// The same of the page, `/readyz` and the metrics.
    async fn assert_shows(&self, failing: &[Failing]) {
        let page = self.get("/").await.replace("&#x2f;", "/");
        let ready = self.get("/readyz").await;
        assert_eq!(ready.lines().filter(|line| line.contains(": failing since ")).count(), failing.len(), "{ready}");
        assert_eq!(page.matches(" is failing since ").count(), failing.len(), "{page}");
        for (part, since, why) in failing {
            let line = format!("{part}: failing since {since}: ");
            // Whoever asks needs no token, and is not told what a mail server says.
            let told = if *part == OUTBOX { "the page and the log say why" } else { why };
            assert!(ready.lines().any(|said| said.starts_with(&line) && said.contains(told)), "{line}{why}: {ready}");
            let said = page.split(&format!("{part} is failing since {since}: ")).nth(1);
            assert!(said.is_some_and(|said| said.contains(why)), "{part}: {page}");
        }
        let metrics = self.get("/metrics").await;
        let series =
            |(part, since, _): &Failing| format!("duskwatch_failing_time_seconds{{part=\"{part}\"}} {}", since.as_second());
        let measured: Vec<&str> = metrics.lines().filter(|line| line.starts_with("duskwatch_failing_time_seconds{")).collect();
        assert_eq!(measured, failing.iter().map(series).collect::<Vec<_>>());
    }

    /// What a path of the page shows.
    async fn get(&self, path: &str) -> String {
        let (listener, stop) = (serve::listen(&self.engine.serve_options()).await.expect("a port"), CancellationToken::new());
        let url = format!("http://{}{path}", listener.local_addr().expect("an address"));
        let server = tokio::spawn(serve::run(listener, self.doors.subscribe(), self.served.subscribe(), stop.clone()));
        let client = crate::network::client_for_ourselves().build().expect("a client");
        let text = client.get(url).send().await.expect("an answer").text().await.expect("a text");
        stop.cancel();
        server.await.expect("it ends well");
        text
    }
}

#[tokio::test]
async fn whatever_does_not_leave_is_told_with_its_reason_and_since_when_until_it_leaves() {
    let (directory, takes) = (tempfile::tempdir().expect("a directory"), Takes::default());
    let mut service = telling(directory.path(), &takes).await;
    service.tick(noon()).await;
    service.assert_says(noon(), &[]).await;

    let [told, exported, due] = [20, 40, 300].map(|seconds| noon() + seconds.seconds());
    service.tell(told).await;
    service.put(CHANGES, "changes from 1 on", "collector", told).await;
    service.tick(told).await;
    let exporter = service.exporter.clone().expect("an exporter");
    exporter.flush(SOON).await.expect_err("nobody listens there");
    service.tick(exported).await;
    let csv = directory.path().join("csv");
    fs::write(&csv, "a file stands in the way").expect("a disk that works");
    service.tick(due).await;
    // What was tried and waits fails all the time, be it tried now or not.
    let failing: [Failing; 5] = [
        ("changes", told, "1 message waits to be sent: "),
        ("csv/security", due, "the CSV package: cannot make the directory"),
        ("otel", exported, "Connection refused"),
        ("outbox", due, "4.2.0 come back later"),
        ("webhook", told, "1 message waits to be sent: it answered 503"),
    ];
    for later in [20, 40] {
        let now = due + later.seconds();
        service.tick(now).await;
        service.assert_says(now, &failing).await;
    }

    takes.store(true, Ordering::SeqCst);
    fs::remove_file(&csv).expect("the file");
    service.tick(due + 5.minutes()).await;
    let now = due + 6.minutes();
    service.tick(now).await;
    service.assert_says(now, &[failing[0], failing[2]]).await;
    assert!(csv.join("latest/integrations.csv").is_file());
}
