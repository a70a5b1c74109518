mod strangers;

use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode, redirect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use secrecy::SecretString;

use super::*;

const TOKEN: &str = "correct horse";

/// A running server, and the daemon's end of its channel.
struct Running {
    base: String,
    address: SocketAddr,
    doors: watch::Sender<Arc<Doors>>,
    send: watch::Sender<Arc<Served>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn document() -> Document {
    Document {
        made_at: "2026-07-03T07:00:00Z".parse().unwrap(),
        pages: Pages::new(|asked| Box::pin(async move { Ok(Answer::Html(format!("<!doctype html>{asked:?}"))) })),
        page_html: Bytes::from_static(b"<!doctype html><title>37 integrations</title>"),
        page_policy:
            "default-src 'none'; script-src 'sha256-RFWPLDbv2BY='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
                .to_owned(),
        report_json: OnDemand::new(|out| out.write_all(b"{\"remaining\":37}")),
        calendar: Bytes::from_static(b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),
        files: Files::new(["users.csv", "datapackage.json"], |name, out| {
            out.write_all(if name == "users.csv" { b"user\r\nada\r\n" } else { b"{}" })
        }),
    }
}

fn shown() -> Served {
    let metrics = Bytes::from_static(b"duskwatch_outbox_pending 0\n");
    Served { document: Some(Arc::new(document())), metrics, ..Served::default() }
}

async fn start(token: Option<&str>, served: Served) -> Running {
    launch(token, served, |listener, doors, receive, stop| tokio::spawn(run(listener, doors, receive, stop))).await
}

/// The same with shorter limits.
async fn start_within(limits: connections::Limits, document: Document) -> Running {
    let served = Served { document: Some(Arc::new(document)), ..Served::default() };
    launch(None, served, |listener, doors, receive, stop| {
        tokio::spawn(connections::accept(listener, routes::router(doors.clone(), receive), doors, stop, limits))
    })
    .await
}

async fn launch<F>(token: Option<&str>, served: Served, spawn: F) -> Running
where
    F: FnOnce(TcpListener, watch::Receiver<Arc<Doors>>, watch::Receiver<Arc<Served>>, CancellationToken) -> JoinHandle<()>,
{
    let access = access(token);
    open(access, served, spawn).await
}

fn access(token: Option<&str>) -> Access {
    Access { token: token.map(SecretString::from), ..Access::default() }
}

async fn open<F>(access: Access, served: Served, spawn: F) -> Running
where
    F: FnOnce(TcpListener, watch::Receiver<Arc<Doors>>, watch::Receiver<Arc<Served>>, CancellationToken) -> JoinHandle<()>,
{
    let options = Options { listen: "127.0.0.1:0".parse().unwrap(), access: access.clone() };
    let listener = listen(&options).await.unwrap();
    let (doors, met) = watch::channel(Arc::new(Doors { access, intake: None }));
    let address = listener.local_addr().unwrap();
    let (send, receive) = watch::channel(Arc::new(served));
    let stop = CancellationToken::new();
    let task = spawn(listener, met, receive, stop.clone());
    Running { base: format!("http://{address}"), address, doors, send, stop, task }
}

async fn started(token: Option<&str>) -> Running {
    start(token, shown()).await
}

fn client() -> Client {
    // Another test may have been first.
    rustls::crypto::ring::default_provider().install_default().ok();
    Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap()
}

async fn get(running: &Running, path: &str) -> Response {
    client().get(format!("{}{path}", running.base)).send().await.unwrap()
}

/// Sends bytes as they are, and reads until the server closes.
async fn raw(running: &Running, request: &str) -> String {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_form_of_the_report_is_served_with_its_type() {
    let running = started(None).await;
    for (path, kind, body) in [
        ("/", "text/html; charset=utf-8", "<!doctype html><title>37 integrations</title>"),
        ("/report.json", "application/json", "{\"remaining\":37}"),
        ("/csv/users.csv", "text/csv; charset=utf-8; header=present", "user\r\nada\r\n"),
        ("/csv/datapackage.json", "application/json", "{}"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8", "duskwatch_outbox_pending 0\n"),
        ("/calendar.ics", "text/calendar; charset=utf-8; method=PUBLISH", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"),
        ("/healthz", "text/plain; charset=utf-8", "The service runs.\n"),
        ("/readyz", "text/plain; charset=utf-8", "Ready.\n"),
    ] {
        let response = get(&running, path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&response, "content-type"), kind, "{path}");
        assert_eq!(response.text().await.unwrap(), body, "{path}");
    }
    let page = get(&running, "/").await;
    assert_eq!(header(&page, "last-modified"), "Fri, 03 Jul 2026 07:00:00 GMT");
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_only_the_page_may_run_its_script() {
    let running = started(Some(TOKEN)).await;
    for path in ["/healthz", "/", "/nothing"] {
        let response = client().get(format!("{}{path}", running.base)).bearer_auth(TOKEN).send().await.unwrap();
        let policy = header(&response, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        for part in ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        let script = "script-src 'sha256-RFWPLDbv2BY='";
        assert_eq!(policy.contains(script), path == "/", "{path}: {policy}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
        assert_eq!(header(&response, "cache-control"), "no-store");
    }
    let refused = get(&running, "/").await;
    assert_eq!(header(&refused, "cache-control"), "no-store");
}

#[tokio::test]
async fn a_new_report_replaces_the_old_one_at_once() {
    let in_part = vec!["judgement: failing since 2026-07-03T05:00:00Z: the store is damaged".to_owned()];
    let readiness = Readiness { in_part, ..Readiness::default() };
    let running = start(None, Served { readiness, ..Served::default() }).await;
    for path in ["/", "/report.json", "/csv/users.csv", "/users/mira", "/metrics"] {
        let response = get(&running, path).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        // Who waits for it learns what may be in its way.
        let text = response.text().await.unwrap();
        assert!(
            text.ends_with(" made.\njudgement: failing since 2026-07-03T05:00:00Z: the store is damaged\n"),
            "{path}: {text}"
        );
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(&running, path).await.status(), StatusCode::OK, "{path} does not wait for the first report");
    }

    running.send.send_replace(Arc::new(shown()));
    assert_eq!(get(&running, "/").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_service_that_stands_still_is_not_healthy_though_it_answers() {
    let pulse = Pulse::new(Duration::from_secs(3_600));
    let running = start(None, Served { pulse: Some(pulse.clone()), ..shown() }).await;
    assert_eq!(get(&running, "/healthz").await.status(), StatusCode::OK);

    let stopped = Pulse::new(Duration::ZERO);
    running.send.send_replace(Arc::new(Served { pulse: Some(stopped), ..shown() }));
    let response = get(&running, "/healthz").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.text().await.unwrap(), "The service has stood still for 0 s: start it anew.\n");
    assert_eq!(get(&running, "/").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_a_server_far_away_says_stays_on_its_line() {
    let why = |text: &str| vec![format!("log/egress: not read since 2026-07-03T07:00:00Z: {text}")];
    for text in ["a\r\nReady.\r\n", "\u{1b}[2Jgone", "\u{202e}desrever", &"x".repeat(1_000_000)] {
        for (not_ready, in_part) in [(why(text), Vec::new()), (Vec::new(), why(text))] {
            let first = if not_ready.is_empty() { "Ready.\n" } else { "" };
            let running = start(None, Served { readiness: Readiness { not_ready, in_part }, ..Served::default() }).await;
            let body = get(&running, "/readyz").await.text().await.unwrap();
            let line = body.strip_prefix(first).unwrap().strip_suffix('\n').unwrap();
            assert!(line.starts_with("log/egress: ") && line.len() < 5_000, "{} bytes", line.len());
            assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line}");
        }
    }
}

#[tokio::test]
async fn readiness_says_what_is_stale_while_the_page_is_still_served() {
    let stale = "audit/acme: nothing read since 2026-07-02T05:00:00Z (401: the key was refused)";
    let in_part = vec!["access/acme: read in part since 2026-07-01T05:00:00Z: the rights are closed to us".to_owned()];
    let words = format!("{stale}\n{}\n", in_part[0]);
    let running = start(None, Served { readiness: Readiness { not_ready: vec![stale.to_owned()], in_part }, ..shown() }).await;
    let response = get(&running, "/readyz").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.text().await.unwrap(), words);
    assert_eq!(get(&running, "/").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_token_opens_as_bearer_or_as_basic_password() {
    let running = started(Some(TOKEN)).await;
    let url = format!("{}/report.json", running.base);
    let ask = || client().get(&url);
    assert_eq!(ask().bearer_auth(TOKEN).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(ask().basic_auth("anybody", Some(TOKEN)).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(ask().header("authorization", format!("bearer {TOKEN}")).send().await.unwrap().status(), StatusCode::OK);

    for refused in [
        ask(),
        ask().bearer_auth("correct hors"),
        ask().bearer_auth(""),
        ask().basic_auth(TOKEN, Some("")),
        ask().basic_auth("anybody", Some("wrong")),
        ask().header("authorization", TOKEN),
        ask().header("authorization", "Basic ###"),
        client().get(format!("{url}?token={}", TOKEN.replace(' ', "%20"))),
    ] {
        let response = refused.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(header(&response, "www-authenticate").starts_with("Basic realm="));
        assert_eq!(response.text().await.unwrap(), "A token is required.\n");
    }
}

#[tokio::test]
async fn without_the_token_only_health_and_readiness_answer() {
    let running = started(Some(TOKEN)).await;
    for path in
        ["/", "/report.json", "/metrics", "/csv/users.csv", "/csv/none.csv", "/nothing", "/healthz/", "/healthz/../report.json"]
    {
        assert_eq!(get(&running, path).await.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(get(&running, "/healthz").await.status(), StatusCode::OK);
    assert_eq!(get(&running, "/readyz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_open_address_without_a_token_is_refused_before_listening() {
    for (listen_on, token) in [("0.0.0.0:0", None), ("[::]:0", None), ("127.0.0.1:0", Some(""))] {
        let options = Options { listen: listen_on.parse().unwrap(), access: access(token) };
        assert!(matches!(listen(&options).await, Err(StartError::TokenRequired(_) | StartError::EmptyToken)), "{listen_on}");
    }
    let options = Options { listen: "0.0.0.0:0".parse().unwrap(), access: access(Some(TOKEN)) };
    assert!(listen(&options).await.is_ok());
    assert!(!format!("{options:?}").contains(TOKEN));
}

#[tokio::test]
async fn names_outside_the_package_are_not_found() {
    let running = started(None).await;
    for path in [
        "/csv/../../etc/passwd",
        "/csv/..%2f..%2fetc%2fpasswd",
        "/csv/%2e%2e/report.json",
        "/csv/users.csv/",
        "/csv/users.csv%00",
        "/csv/",
        "/csv",
        "/csv//etc/passwd",
        "/report.json/x",
        "/favicon.ico",
        "/index.html",
    ] {
        let answer = raw(&running, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        assert!(answer.ends_with("There is nothing here.\n"), "{path}: {answer}");
    }
    let broken = raw(&running, "GET /csv/%ff HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert!(broken.starts_with("HTTP/1.1 4"), "{broken}");
}

#[tokio::test]
async fn only_reading_is_possible() {
    let running = started(None).await;
    for (path, length) in [("calendar.ics", "32"), ("report.json", ""), ("csv/users.csv", "")] {
        let head = client().head(format!("{}/{path}", running.base)).send().await.unwrap();
        assert_eq!((head.status(), header(&head, "content-length")), (StatusCode::OK, length), "{path}");
        assert_eq!(head.bytes().await.unwrap().len(), 0);
    }

    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE] {
        for path in ["/", "/report.json", "/csv/users.csv", "/healthz"] {
            let response = client().request(method.clone(), format!("{}{path}", running.base)).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert_eq!(header(&response, "allow"), "GET,HEAD");
        }
    }
    let posted = client().post(format!("{}/nothing", running.base)).send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::NOT_FOUND);
    let with_body = client().get(format!("{}/", running.base)).body("x").send().await.unwrap();
    assert_eq!(with_body.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_long_file_is_written_as_it_is_read_and_no_further_once_nobody_reads() {
    let (ended, mut told) = tokio::sync::mpsc::unbounded_channel();
    let write = move |_: &str, out: &mut dyn std::io::Write| {
        let written = (0..100_000).try_for_each(|n| writeln!(out, "{n:0639}"));
        ended.send(written.is_ok()).unwrap();
        written
    };
    let long = Document { files: Files::new(["users.csv"], write), ..document() };
    let running = start(None, Served { document: Some(Arc::new(long)), ..Served::default() }).await;
    let url = format!("{}/csv/users.csv", running.base);
    let whole = client().get(&url).send().await.unwrap().bytes().await.unwrap();
    assert!(whole.len() == 64_000_000 && whole.ends_with(b"99999\n"), "{}", whole.len());
    assert_eq!(told.recv().await, Some(true));
    let mut begun = client().get(&url).send().await.unwrap();
    assert!(begun.chunk().await.unwrap().is_some());
    drop(begun);
    assert_eq!(told.recv().await, Some(false));
}

#[tokio::test]
async fn oversized_headers_are_refused() {
    let running = started(None).await;
    let answer = raw(&running, &format!("GET / HTTP/1.1\r\nhost: localhost\r\nx-long: {}\r\n\r\n", "x".repeat(20_000))).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn a_silent_caller_is_hung_up_on() {
    let limits = connections::Limits { header: Duration::from_millis(50), ..connections::LIMITS };
    let running = start_within(limits, document()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    assert!(closed.is_ok(), "the connection is still open");
    assert!(!String::from_utf8_lossy(&answer).contains(" 200 "));
}

#[tokio::test]
async fn the_stop_closes_idle_connections_and_the_listener() {
    let running = started(None).await;
    let _silent = TcpStream::connect(running.address).await.unwrap();
    get(&running, "/healthz").await.bytes().await.unwrap();
    running.stop.cancel();
    tokio::time::timeout(Duration::from_secs(4), running.task).await.expect("the stop is quick").unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn a_caller_that_reads_nothing_does_not_hold_up_the_stop() {
    let mut big = document();
    big.page_html = Bytes::from(vec![b'x'; 32 << 20]);
    let limits = connections::Limits { stop: Duration::from_millis(50), ..connections::LIMITS };
    let running = start_within(limits, big).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    running.stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), running.task).await.expect("the stop has a limit").unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
}

#[tokio::test]
async fn without_a_token_only_the_loopback_address_is_answered_to() {
    let running = started(None).await;
    for (host, status) in [
        ("localhost:9188", 200),
        ("LOCALHOST.:9188", 200),
        ("[::1]:9188", 200),
        ("[::ffff:127.0.0.1]", 200),
        ("127.0.0.1", 200),
        ("evil.test", 421),
        ("127.0.0.1.evil.test", 421),
    ] {
        let response = client().get(format!("{}/report.json", running.base)).header("host", host).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{host}");
    }
}

/// A document whose pages answer as if from a judgement.
fn answering() -> Document {
    let answer = |asked| match asked {
        Asked::Integration(id) if id == "old" => Answer::Moved("/integrations/new".to_owned()),
        Asked::Integration(id) | Asked::User(id) | Asked::Team(id) if id == "nobody" => Answer::Unknown(format!("<p>No {id}")),
        Asked::Ranking(pairs) if pairs.iter().any(|(name, _)| name == "bad") => Answer::Refused("<p>not so".to_owned()),
        asked => Answer::Html(format!("<p>{asked:?}")),
    };
    Document { pages: Pages::new(move |asked| Box::pin(async move { Ok(answer(asked)) })), ..document() }
}

#[tokio::test]
async fn rows_teams_coverage_and_forecasts_are_asked_of_the_daemon() {
    let running = start(None, Served { document: Some(Arc::new(answering())), ..Served::default() }).await;
    for (path, status, body) in [
        ("/integrations/k7m2qd4x", 200, "<p>Integration(\"k7m2qd4x\")"),
        ("/users/712020%3Aa%2Fb%20%3Cx%3E%E2%80%AE", 200, "<p>User(\"712020:a/b <x>\\u{202e}\")"),
        ("/teams/R%26D", 200, "<p>Team(\"R&D\")"),
        ("/coverage", 200, "<p>Coverage"),
        ("/forecasts", 200, "<p>Forecasts"),
        ("/?status=failing&team=R%26D+one", 200, "<p>Ranking([(\"status\", \"failing\"), (\"team\", \"R&D one\")])"),
        ("/?bad=1", 400, "<p>not so"),
        ("/integrations/nobody", 404, "<p>No nobody"),
        ("/users/nobody", 404, "<p>No nobody"),
        ("/teams/nobody", 404, "<p>No nobody"),
    ] {
        let response = get(&running, path).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8", "{path}");
        assert!(header(&response, "content-security-policy").contains("script-src 'sha256-"), "{path}");
        assert_eq!(response.text().await.unwrap(), body, "{path}");
    }
    let moved = get(&running, "/integrations/old").await;
    assert_eq!((moved.status().as_u16(), header(&moved, "location")), (307, "/integrations/new"));
    for path in ["/integrations/", "/integrations/a/b", "/users", "/teams/"] {
        assert_eq!(get(&running, path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn parameters_have_limits() {
    let running = start(None, Served { document: Some(Arc::new(answering())), ..Served::default() }).await;
    let many = "a=1&".repeat(40);
    let long = "x".repeat(2_000);
    for query in [many.as_str(), &format!("q={long}"), &format!("{long}=1")] {
        assert_eq!(get(&running, &format!("/?{query}")).await.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    assert_eq!(get(&running, "/?").await.text().await.unwrap(), "<!doctype html><title>37 integrations</title>");
}

#[tokio::test]
async fn few_pages_are_made_at_one_time_and_the_page_itself_never_waits() {
    let (under_way, mut started) = tokio::sync::mpsc::unbounded_channel();
    let go = CancellationToken::new();
    let pages = {
        let go = go.clone();
        Pages::new(move |_| {
            let (go, under_way) = (go.clone(), under_way.clone());
            Box::pin(async move {
                under_way.send(()).unwrap();
                go.cancelled().await;
                Ok(Answer::Html("<p>made".to_owned()))
            })
        })
    };
    let served = Served { document: Some(Arc::new(Document { pages, ..document() })), ..Served::default() };
    let running = start(None, served).await;
    let base = running.base.clone();
    let ask = || tokio::spawn(client().get(format!("{base}/coverage")).send());
    let asked: Vec<_> = (0..4).map(|_| ask()).collect();
    for _ in 0..pages::PLACES {
        started.recv().await.unwrap();
    }
    assert_eq!(get(&running, "/").await.status(), StatusCode::OK);
    assert!(started.try_recv().is_err(), "more are made at one time than there are places");
    go.cancel();
    for answer in asked {
        assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn few_files_are_written_at_one_time_and_the_next_begins_when_one_ends() {
    let (begun, mut started) = tokio::sync::mpsc::unbounded_channel();
    // Longer than all that a connection holds of what nobody reads.
    let write = move |out: &mut dyn std::io::Write| {
        begun.send(()).unwrap();
        (0..100_000).try_for_each(|n| writeln!(out, "{n:0639}"))
    };
    let long = Document { report_json: OnDemand::new(write), ..document() };
    let running = start(None, Served { document: Some(Arc::new(long)), ..Served::default() }).await;
    let url = format!("{}/report.json", running.base);
    let mut reading = Vec::new();
    for _ in 0..files::WRITERS {
        reading.push(client().get(&url).send().await.unwrap());
        started.recv().await.unwrap();
    }
    let next = tokio::spawn(client().get(&url).send());
    assert_eq!(get(&running, "/").await.status(), StatusCode::OK);
    assert!(started.try_recv().is_err(), "more are written at one time than there are places");
    drop(reading.pop());
    assert_eq!(next.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_to_its_end_is_not_taken_for_a_whole_one() {
    let failing = |out: &mut dyn std::io::Write| {
        out.write_all(&vec![b'x'; 100_000])?;
        Err(std::io::Error::other("of this test"))
    };
    let panicking = |out: &mut dyn std::io::Write| {
        out.write_all(&vec![b'x'; 100_000])?;
        panic!("of this test")
    };
    for report_json in [OnDemand::new(failing), OnDemand::new(panicking)] {
        let served = Served { document: Some(Arc::new(Document { report_json, ..document() })), ..Served::default() };
        let running = start(None, served).await;
        let begun = get(&running, "/report.json").await;
        assert_eq!(begun.status(), StatusCode::OK);
        begun.bytes().await.expect_err("the connection breaks");
    }
}

#[tokio::test]
async fn an_address_that_guesses_waits_and_the_right_token_waits_with_it() {
    let running = started(Some(TOKEN)).await;
    let url = format!("{}/report.json", running.base);
    let statuses = async |token: &str, times: usize| {
        let mut seen = Vec::new();
        for _ in 0..times {
            seen.push(client().get(&url).bearer_auth(token).send().await.unwrap().status().as_u16());
        }
        seen
    };
    assert_eq!(statuses("wrong", 25).await, [vec![401; 20], vec![429; 5]].concat());
    assert_eq!(statuses(TOKEN, 1).await, [429]);
    let told = client().get(&url).bearer_auth("wrong").send().await.unwrap();
    assert!(header(&told, "retry-after").parse::<u64>().unwrap() <= 6);
    assert_eq!(get(&running, "/healthz").await.status(), 200);
    assert_eq!(get(&running, "/report.json").await.status(), 401, "a browser that has not asked for the token yet");
}

#[tokio::test]
async fn a_trusted_proxy_vouches_for_its_callers_and_nobody_else_does() {
    let proxy = |networks: &str| Some(TrustedProxy::new(vec![networks.parse().unwrap()], "X-Forwarded-User").unwrap());
    let served = || Served { document: Some(Arc::new(document())), ..Served::default() };
    let launch = async |token: Option<&str>, networks: &str| {
        let access = Access { trusted_proxy: proxy(networks), ..access(token) };
        open(access, served(), |listener, doors, receive, stop| tokio::spawn(run(listener, doors, receive, stop))).await
    };
    let ask = async |running: &Running, who: &str, host: &str| {
        let request = client().get(format!("{}/report.json", running.base)).header("x-forwarded-user", who).header("host", host);
        request.send().await.unwrap().status().as_u16()
    };
    let trusted = launch(Some(TOKEN), "127.0.0.0/8").await;
    assert_eq!(ask(&trusted, "ada", "duskwatch.example.test").await, 200);
    assert_eq!(ask(&trusted, " ", "duskwatch.example.test").await, 401);
    let other = launch(Some(TOKEN), "192.0.2.0/24").await;
    assert_eq!(ask(&other, "ada", "duskwatch.example.test").await, 401, "the header of a stranger says nothing");
    let without_token = launch(None, "127.0.0.0/8").await;
    assert_eq!(ask(&without_token, "ada", "duskwatch.example.test").await, 200);
    assert_eq!(get(&without_token, "/report.json").await.status(), 401, "a proxy that names nobody");
    assert_eq!(get(&without_token, "/healthz").await.status(), 200);
    for wrong in ["Authorization", "host", "no header", ""] {
        assert!(TrustedProxy::new(Vec::new(), wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_made_says_no_reason_to_the_caller() {
    let pages = Pages::new(|_| Box::pin(async { Err(anyhow::anyhow!("chunk 7 of /var/lib/duskwatch.db is corrupt")) }));
    let running = start(None, Served { document: Some(Arc::new(Document { pages, ..document() })), ..Served::default() }).await;
    let response = get(&running, "/integrations/k7m2qd4x").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!response.text().await.unwrap().contains("duskwatch.db"));
}

#[tokio::test]
async fn what_callers_meet_can_change_while_they_come() {
    let running = started(Some(TOKEN)).await;
    let ask = async |token: &str| {
        let request = client().get(format!("{}/report.json", running.base)).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((ask(TOKEN).await, ask("rotated").await), (200, 401));
    running.doors.send_replace(Arc::new(Doors { access: access(Some("rotated")), intake: None }));
    assert_eq!((ask(TOKEN).await, ask("rotated").await), (401, 200));
}

#[tokio::test]
async fn with_a_certificate_the_page_is_served_by_tls_alone() {
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/deliver/tls");
    let file = |name: &str| std::path::Path::new(files).join(name);
    let tls = Tls::read(&file("server.pem"), &file("server.key")).unwrap();
    let served = Served { document: Some(Arc::new(document())), ..Served::default() };
    let with_tls = Access { tls: Some(tls), ..access(Some(TOKEN)) };
    let running =
        open(with_tls, served, |listener, doors, receive, stop| tokio::spawn(run(listener, doors, receive, stop))).await;
    client();
    let authority = reqwest::Certificate::from_pem(&std::fs::read(file("ca.pem")).unwrap()).unwrap();
    let trusting = Client::builder().tls_certs_only([authority]).no_proxy().build().unwrap();
    let url = format!("https://{}/report.json", running.address);
    let response = trusting.get(&url).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "strict-transport-security"), "max-age=31536000");
    let in_clear_text = client().get(format!("{}/report.json", running.base)).bearer_auth(TOKEN).send().await;
    assert!(in_clear_text.is_err(), "{in_clear_text:?}");

    let said = |certificate: &str, key: &str| format!("{:#}", Tls::read(&file(certificate), &file(key)).unwrap_err());
    assert!(said("none.pem", "server.key").contains("none.pem cannot be read"));
    assert!(said("README.md", "server.key").contains("README.md holds no certificate"));
    assert!(said("server.pem", "ca.pem").contains("ca.pem holds no key"));
    assert!(said("ca.pem", "server.key").contains("do not belong together"));
}
