use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::tls::test_server;

const FROM: &str = "Duskwatch <duskwatch@example.test>";
const TO: &str = "security@example.test";

fn mail() -> Mail {
    Mail {
        from: FROM.to_owned(),
        contact: String::new(),
        message_id: "digest.2026-07-03.security@duskwatch.example.test".to_owned(),
        list_id: "duskwatch digest <digest.duskwatch.example.test>".to_owned(),
        date: "2026-07-03T07:00:00Z".parse().unwrap(),
        text: "37 integrations\n.\nZoë's pipeline = late\n".to_owned(),
        html: "<p>37 integrations, Zoë</p><img src=\"cid:burndown\" alt=\"curve\">".to_owned(),
        inline: vec![Inline { content_id: "burndown".to_owned(), mime: "image/png".to_owned(), bytes: vec![0x89, b'P', 0, 255] }],
        attachments: vec![Attachment {
            name: "duskwatch-2026-07-03.zip".to_owned(),
            mime: "application/zip".to_owned(),
            bytes: (0..=255).collect(),
        }],
    }
}

const SUBJECT: &str = "[duskwatch] 37 integrations still on app passwords (−4), 12 failing, 25 days left";

fn composed(mail: &Mail) -> String {
    composed_as(SUBJECT, mail)
}

fn composed_as(subject: &str, mail: &Mail) -> String {
    String::from_utf8(addressed(TO, subject, &compose(mail).unwrap()).unwrap()).unwrap()
}

/// The header lines of the message, continuation lines joined.
fn headers(message: &str) -> Vec<String> {
    let (head, _) = message.split_once("\r\n\r\n").unwrap();
    head.replace("\r\n ", " ").split("\r\n").map(str::to_owned).collect()
}

fn subject_of(subject: &str) -> String {
    let message = composed_as(subject, &mail());
    headers(&message).into_iter().find(|line| line.starts_with("Subject: ")).unwrap()
}

#[test]
fn the_parts_are_nested_so_that_readers_show_text_pictures_and_files() {
    let message = composed(&mail());
    let mut from = 0;
    for expected in [
        "Content-Type: multipart/mixed;",
        "Content-Type: multipart/related;",
        "Content-Type: multipart/alternative;",
        "Content-Type: text/plain; charset=utf-8",
        "Zo=C3=AB's pipeline =3D late",
        "Content-Type: text/html; charset=utf-8",
        "<p>37 integrations, Zo=C3=AB</p><img src=3D\"cid:burndown\"",
        "Content-ID: <burndown>",
        "Content-Disposition: inline",
        "Content-Type: image/png",
        "iVAA/w==",
        "Content-Disposition: attachment; filename=\"duskwatch-2026-07-03.zip\"",
        "Content-Type: application/zip",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj",
    ] {
        let at = message[from..].find(expected).unwrap_or_else(|| panic!("{expected} is missing or misplaced in\n{message}"));
        from += at;
    }
    let boundaries: Vec<_> = message.match_indices("--=_").collect();
    assert_eq!(boundaries.len(), 9, "three levels open twice and close once");
}

#[test]
fn levels_without_content_are_left_out() {
    let message = composed(&Mail { inline: Vec::new(), attachments: Vec::new(), ..mail() });
    assert!(message.contains("multipart/alternative") && !message.contains("multipart/related"));
    assert!(!message.contains("multipart/mixed"));
}

#[test]
fn the_headers_say_who_when_and_that_a_machine_wrote_it() {
    let headers = headers(&composed(&mail()));
    for expected in [
        "From: Duskwatch <duskwatch@example.test>",
        "To: security@example.test",
        "Date: Fri, 03 Jul 2026 07:00:00 +0000",
        "Message-ID: <digest.2026-07-03.security@duskwatch.example.test>",
        "List-Id: duskwatch digest <digest.duskwatch.example.test>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
    ] {
        assert!(headers.iter().any(|line| line.trim_end() == expected), "{expected} is missing in {headers:#?}");
    }
}

#[test]
fn every_line_is_short_ascii_and_the_same_mail_has_the_same_bytes() {
    let long = Mail { text: "é".repeat(5000), html: "x".repeat(100_000), ..mail() };
    let message = composed(&long);
    for line in message.split("\r\n") {
        assert!(line.len() <= 100 && line.bytes().all(|b| matches!(b, b'\t' | b' '..=b'~')), "{line:?}");
    }
    assert_eq!(compose(&long).unwrap(), compose(&long).unwrap());
}

#[test]
fn nothing_in_a_subject_starts_a_new_header() {
    for evil in
        ["a\r\nBcc: x@evil.test", "a\nBcc: x@evil.test", "a\r\n\r\nBcc: x", "a\u{2028}Bcc: x", "a\0\u{85}Bcc: x", "ä\r\nBcc: x"]
    {
        let message = composed_as(evil, &Mail { list_id: evil.to_owned(), ..mail() });
        assert!(!headers(&message).iter().any(|line| line.to_lowercase().starts_with("bcc")), "{message}");
        assert!(message.split_once("\r\n\r\n").unwrap().0.contains("Auto-Submitted"), "the head was cut: {message}");
    }
    assert_eq!(subject_of("a\r\n b\u{202e}c\u{180b}d\u{2800}e\u{200d}f"), "Subject: a b c d e f");
    assert!(subject_of(&"x".repeat(1_000_000)).len() < 300);
}

#[test]
fn nothing_in_a_name_ends_the_attachment_header() {
    let mut evil = mail();
    evil.attachments[0].name = "a\"\r\nX-Evil: 1\r\n.zip".to_owned();
    let message = composed(&evil);
    assert!(!message.contains("\r\nX-Evil"), "{message}");
}

#[test]
fn a_foreseen_boundary_in_the_text_does_not_end_the_part() {
    let boundary = composed(&mail()).lines().find(|line| line.starts_with("--=_")).unwrap().to_owned();
    let message = composed(&Mail { text: format!("{boundary}\r\nContent-Type: text/html\r\n\r\n<b>evil</b>"), ..mail() });
    assert_eq!(message.matches("--=_").count(), 9, "{message}");
}

#[test]
fn a_subject_beyond_ascii_is_encoded() {
    let subject = subject_of("[duskwatch] 37 integrations (−4)");
    assert!(subject.starts_with("Subject: [duskwatch] 37 integrations =?utf-8?b?"), "{subject}");
}

#[test]
fn identifiers_and_addresses_that_cannot_stand_in_a_header_are_refused() {
    for broken in [
        Mail { message_id: "a\r\nBcc: x".to_owned(), ..mail() },
        Mail { message_id: String::new(), ..mail() },
        Mail { message_id: "a b@x".to_owned(), ..mail() },
        Mail { from: "a@b.test, c@d.test".to_owned(), ..mail() },
        Mail {
            inline: vec![Inline { content_id: "a>\r\nX: y".to_owned(), mime: "image/png".to_owned(), bytes: vec![] }],
            ..mail()
        },
        Mail { attachments: vec![Attachment { name: "a".to_owned(), mime: "zip\r\nX: y".to_owned(), bytes: vec![] }], ..mail() },
    ] {
        assert!(compose(&broken).is_err(), "{broken:?}");
    }
    assert!(check_address(FROM).is_ok());
    assert!(check_address("Zoë <zoe@example.test>").is_ok());
    assert!(check_address("zoe at example").is_err());
    assert!(addressed("x@example.test\r\nBcc: y@example.test", SUBJECT, b"").is_err());
    assert!(addressed("nobody", SUBJECT, b"").is_err());
}

fn options(server: &str) -> Options {
    Options { server: server.to_owned(), username: None, password: None, ca_pem: None }
}

fn refusal(options: &Options) -> String {
    Mailer::new(options).err().map(|error| format!("{error:#}")).unwrap_or_default()
}

#[test]
fn clear_text_is_for_this_machine_only() {
    for server in
        ["smtp+plain://127.0.0.1:1025", "smtp+plain://LOCALHOST.", "smtp+plain://[::1]:25", "smtp+plain://[::ffff:127.0.0.1]"]
    {
        assert_eq!(refusal(&options(server)), "", "{server}");
    }
    for server in ["smtp+plain://mail.example.test", "smtp+plain://10.0.0.1:25", "smtp+plain://localhost.evil.test"] {
        assert!(refusal(&options(server)).contains("on this machine only"), "{server}");
    }
    for server in ["smtps://mail.example.test:465", "smtp://mail.example.test"] {
        assert_eq!(refusal(&options(server)), "", "{server}");
    }
}

#[test]
fn servers_that_are_none_are_refused_with_words_and_without_secrets() {
    for (server, words) in [
        ("smtp://mail.example.test?tls=opportunistic", "ends after the port"),
        ("smtps://mail.example.test/path", "ends after the port"),
        ("smtps://u:hunter2@mail.example.test", "must not hold a username or password"),
        ("https://mail.example.test", "not by https://"),
        ("mail.example.test:25", "names no host"),
        ("", "no URL such as"),
    ] {
        let said = refusal(&options(server));
        assert!(said.contains(words), "{server}: {said}");
        assert!(!said.contains("hunter2"));
    }
    let half = Options { username: Some("u".to_owned()), ..options("smtps://mail.example.test") };
    assert!(refusal(&half).contains("without a password"));
    let bad_ca = Options { ca_pem: Some(b"no certificate".to_vec()), ..options("smtps://mail.example.test") };
    assert_eq!(refusal(&bad_ca), "the CA file holds no certificate in PEM");
    let secret = Options { password: Some(SecretString::from("hunter2")), ..options("smtps://mail.example.test") };
    assert!(!format!("{secret:?}").contains("hunter2"));
}

/// How the server in the test behaves after it has the message, or before.
#[derive(Clone, Copy, PartialEq)]
enum Behaviour {
    Accept,
    /// Answers to the command that begins so with these words.
    Answer(&'static str, &'static str),
    /// Greets nobody.
    Silent,
    /// Takes the whole message and hangs up without a word.
    DropAfterData,
    /// Accepts the message and never answers to QUIT.
    SilentAfterData,
    /// Offers authentication.
    Authenticate(&'static str),
}

struct Server {
    url: String,
    /// All that the client said, line by line.
    heard: JoinHandle<Vec<String>>,
}

async fn server(behaviour: Behaviour) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp+plain://{}", listener.local_addr().unwrap());
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        // A client that hangs up first ends the conversation; what was heard counts.
        converse(BufReader::new(stream), behaviour, &mut heard).await.ok();
        heard
    });
    Server { url, heard }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    behaviour: Behaviour,
    heard: &mut Vec<String>,
) -> std::io::Result<()> {
    if behaviour != Behaviour::Silent {
        stream.write_all(b"220 test ESMTP\r\n").await?;
    }
    let mut in_data = false;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let said = line.trim_end_matches("\r\n").to_owned();
        line.clear();
        let ends_data = in_data && said == ".";
        let answer = match behaviour {
            Behaviour::Answer(command, words) if said.starts_with(command) && (!in_data || ends_data) => words,
            Behaviour::DropAfterData if ends_data => return Ok(()),
            Behaviour::SilentAfterData if said == "QUIT" => "",
            Behaviour::Authenticate(_) if said.starts_with("EHLO") => "250-test\r\n250 AUTH PLAIN",
            Behaviour::Authenticate(words) if said.starts_with("AUTH") => words,
            _ if ends_data => "250 queued",
            _ if in_data => "",
            _ if said == "DATA" => "354 go on",
            _ if said.starts_with("EHLO") => "250-test\r\n250 8BITMIME",
            _ => "250 ok",
        };
        in_data = !ends_data && (in_data || (said == "DATA" && answer.starts_with('3')));
        heard.push(said);
        if !answer.is_empty() {
            stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
    }
    Ok(())
}

async fn send_to(server: &Server) -> Result<(), SendError> {
    let mailer = Mailer::new(&options(&server.url)).unwrap();
    mailer.send(FROM, TO, composed(&mail()).as_bytes()).await
}

#[tokio::test]
async fn a_message_arrives_as_it_was_composed() {
    let server = server(Behaviour::Accept).await;
    send_to(&server).await.unwrap();
    let heard = server.heard.await.unwrap();

    assert!(heard.contains(&"MAIL FROM:<duskwatch@example.test>".to_owned()), "{heard:?}");
    assert!(heard.contains(&"RCPT TO:<security@example.test>".to_owned()), "{heard:?}");
    let from = heard.iter().position(|line| line == "DATA").unwrap() + 1;
    let to = heard.iter().position(|line| line == ".").unwrap();
    let arrived: Vec<_> = heard[from..to].iter().map(|line| line.strip_prefix('.').unwrap_or(line)).collect();
    assert_eq!(arrived.join("\r\n").trim_end(), composed(&mail()).trim_end());
    assert_eq!(heard.last().map(String::as_str), Some("QUIT"));
}

#[tokio::test]
async fn a_refusal_is_permanent_only_where_the_server_refuses_this_message_for_good() {
    for (command, words, permanent) in [
        ("MAIL", "550 5.1.8 sender refused", true),
        ("RCPT", "550 5.1.1 no such user", true),
        ("RCPT", "450 4.2.1 greylisted, come back", false),
        ("RCPT", "452 4.2.2 mailbox full", false),
        ("DATA", "421 4.3.2 shutting down", false),
        (".", "552 5.3.4 too big", true),
        (".", "451 4.3.0 out of space", false),
        ("EHLO", "554 5.5.0 not for you", false),
        ("EHLO", "nonsense", false),
    ] {
        let server = server(Behaviour::Answer(command, words)).await;
        let error = send_to(&server).await.unwrap_err();
        assert_eq!(error.permanent, permanent, "{command} {words}: {error}");
    }
}

#[tokio::test]
async fn the_servers_words_are_kept_without_addresses() {
    let server = server(Behaviour::Answer("RCPT", "550 5.1.1 <ada@example.test> unknown to \u{202e}us")).await;
    let error = send_to(&server).await.unwrap_err();
    assert!(error.words.contains("550") && error.words.contains("unknown to \\u{202e}us"), "{error}");
    assert!(!error.words.contains("ada"), "{error}");
}

#[tokio::test]
async fn a_refused_password_is_worth_another_try_and_is_not_repeated() {
    // Servers quote commands that they do not understand.
    let quoted = "AGR1c2t3YXRjaABodW50ZXIy";
    let server = server(Behaviour::Authenticate("535 5.7.8 hunter2 is wrong: AUTH PLAIN AGR1c2t3YXRjaABodW50ZXIy")).await;
    let with_password =
        Options { username: Some("duskwatch".to_owned()), password: Some(SecretString::from("hunter2")), ..options(&server.url) };
    let error = Mailer::new(&with_password).unwrap().send(FROM, TO, b"x").await.unwrap_err();
    assert!(!error.permanent && error.words.contains("535"), "{error}");
    assert!(!error.words.contains("hunter2") && !error.words.contains(quoted), "{error}");
    assert!(!server.heard.await.unwrap().iter().any(|line| line.starts_with("MAIL")));
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing() {
    let server = server(Behaviour::Accept).await;
    let required = options(&server.url.replace("smtp+plain", "smtp"));
    let error = Mailer::new(&required).unwrap().send(FROM, TO, b"x").await.unwrap_err();
    assert!(!error.permanent && error.words.contains("STARTTLS"), "{error}");
    assert!(!server.heard.await.unwrap().iter().any(|line| line.starts_with("MAIL")));
}

/// What a client says until the connection is to be encrypted.
async fn until_encrypted(stream: &mut TcpStream) -> Vec<String> {
    let (mut clear, mut heard) = (BufReader::new(stream), Vec::new());
    clear.write_all(b"220 test ESMTP\r\n").await.unwrap();
    for answer in ["250-test\r\n250 STARTTLS\r\n", "220 go on\r\n"] {
        let mut line = String::new();
        clear.read_line(&mut line).await.unwrap();
        heard.push(format!("clear: {}", line.trim_end()));
        clear.write_all(answer.as_bytes()).await.unwrap();
    }
    heard
}

/// A server with a certificate: from the first byte, or after `STARTTLS`.
async fn tls_server(implicit: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scheme = if implicit { "smtps" } else { "smtp" };
    let url = format!("{scheme}://{}", listener.local_addr().unwrap());
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        if !implicit {
            heard = until_encrypted(&mut stream).await;
        }
        // A client that does not trust the certificate hangs up here.
        if let Ok(stream) = test_server::acceptor(&[]).accept(stream).await {
            let greeting = if implicit { Behaviour::Accept } else { Behaviour::Silent };
            converse(BufReader::new(stream), greeting, &mut heard).await.ok();
        }
        heard
    });
    Server { url, heard }
}

#[tokio::test]
async fn mail_leaves_encrypted_where_the_ca_file_vouches_for_the_server() {
    for implicit in [true, false] {
        let server = tls_server(implicit).await;
        let trusting = Options { ca_pem: Some(test_server::CA.to_vec()), ..options(&server.url) };
        Mailer::new(&trusting).unwrap().send(FROM, TO, &compose(&mail()).unwrap()).await.unwrap();
        let heard = server.heard.await.unwrap();
        assert!(heard.contains(&"RCPT TO:<security@example.test>".to_owned()), "{heard:?}");
        let clear: Vec<_> = heard.iter().filter(|line| line.starts_with("clear: ")).collect();
        assert!(clear.iter().all(|line| line.starts_with("clear: EHLO") || *line == "clear: STARTTLS"), "{clear:?}");
    }
}

/// All that a server would say, once it is encrypted, to a login and a message.
const FORGED: &str = "250-x\r\n250 AUTH PLAIN\r\n235 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n221 bye\r\n";

/// Somebody on the way to a server, who reads no TLS and writes `forged` right behind the server's line `behind`.
async fn relay(server: &Server, behind: &'static str, forged: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let there = server.url.strip_prefix("smtp://").unwrap().to_owned();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(there).await.unwrap();
        let ((mut from_client, mut to_client), (from_server, mut to_server)) = (client.split(), server.split());
        let questions = async {
            tokio::io::copy(&mut from_client, &mut to_server).await.ok();
            to_server.shutdown().await.ok();
        };
        let answers = async {
            let (mut from_server, mut line) = (BufReader::new(from_server), String::new());
            while line != behind {
                line.clear();
                from_server.read_line(&mut line).await.unwrap();
                let forged = if line == behind { forged.as_str() } else { "" };
                to_client.write_all(format!("{line}{forged}").as_bytes()).await.unwrap();
            }
            tokio::io::copy(&mut from_server, &mut to_client).await.ok();
            to_client.shutdown().await.ok();
        };
        tokio::join!(questions, answers);
    });
    url
}

#[tokio::test]
async fn what_is_written_in_clear_text_behind_the_consent_to_tls_is_no_answer() {
    let (offer, consent) = ("250 STARTTLS\r\n", "220 go on\r\n");
    let ways = [
        (consent, FORGED.to_owned()),
        (consent, "x".to_owned()),
        (consent, format!("\r\n{FORGED}")),
        // The consent is forged as well: that of the server then comes in clear text behind it.
        (offer, consent.to_owned()),
        (offer, format!("{consent}{FORGED}")),
        // What looks like TLS inside of an answer that lettre has not read to its end, and lines that end otherwise.
        (offer, format!("220-first\n\u{16}second\r\n{consent}{FORGED}")),
        (offer, format!("220-first\n\u{15}second\r\n{consent}{FORGED}")),
        (consent, format!("\n\u{16}second\r\n{FORGED}")),
        (offer, format!("220 go\nabc-def\r\n{FORGED}")),
    ];
    for (behind, forged) in ways {
        for is_probe in [false, true] {
            let server = tls_server(false).await;
            let url = relay(&server, behind, forged.clone()).await;
            let username = Some("duskwatch".to_owned());
            let password = Some(SecretString::from("hunter2"));
            let options = Options { ca_pem: Some(test_server::CA.to_vec()), username, password, ..options(&url) };
            let mailer = Mailer::new(&options).unwrap();
            let outcome = if is_probe { mailer.sign_in().await } else { mailer.send(FROM, TO, b"x").await };
            let error = outcome.expect_err(&forged);
            let said = "it answers in clear text behind its consent to TLS: somebody on the way may have written that";
            assert!(!error.permanent && error.words.contains(said), "{behind:?} {forged:?}: {error}");
            let heard = server.heard.await.unwrap();
            let clear = |line: &String| line.starts_with("clear: EHLO") || line == "clear: STARTTLS";
            assert!(heard.len() == 2 && heard.iter().all(clear), "{behind:?} {forged:?}: {heard:?}");
        }
    }
}

#[tokio::test]
async fn somebody_on_the_way_who_writes_nothing_is_no_hindrance() {
    let server = tls_server(false).await;
    let url = relay(&server, "220 go on\r\n", String::new()).await;
    let trusting = Options { ca_pem: Some(test_server::CA.to_vec()), ..options(&url) };
    Mailer::new(&trusting).unwrap().send(FROM, TO, &compose(&mail()).unwrap()).await.unwrap();
    assert!(server.heard.await.unwrap().contains(&"RCPT TO:<security@example.test>".to_owned()));
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_gets_nothing() {
    for implicit in [true, false] {
        let server = tls_server(implicit).await;
        let error = Mailer::new(&options(&server.url)).unwrap().send(FROM, TO, b"x").await.unwrap_err();
        assert!(!error.permanent && error.words.contains("certificate"), "{error}");
        assert!(!server.heard.await.unwrap().iter().any(|line| line.starts_with("MAIL")));
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_worth_another_try() {
    let server = server(Behaviour::Accept).await;
    let implicit = options(&server.url.replace("smtp+plain", "smtps"));
    let error = Mailer::new(&implicit).unwrap().send(FROM, TO, b"x").await.unwrap_err();
    assert!(!error.permanent, "{error}");
}

#[tokio::test]
async fn a_silent_server_is_given_up_and_worth_another_try() {
    let server = server(Behaviour::Silent).await;
    let mut mailer = Mailer::new(&options(&server.url)).unwrap();
    mailer.limit = Duration::from_millis(50);
    let error = mailer.send(FROM, TO, b"x").await.unwrap_err();
    assert_eq!(error.words, "the mail server did not answer within 50ms");
    assert!(!error.permanent);
}

/// What a server that speaks without end says at most before it gives up itself.
const ENDLESS_BYTES: usize = 64 << 20;

const WHOLE: &str = "220 test\r\n";
/// Nothing, as after `STARTTLS`.
const UNASKED: &str = "";

/// A server of a scheme that greets with `greeting` and, unless that is only begun, as soon as it was spoken to says `piece` again and
/// again; and how many bytes it could say.
async fn endless(scheme: &'static str, greeting: &'static str, piece: &'static str) -> (Options, JoinHandle<usize>) {
    async fn speak(mut stream: impl AsyncRead + AsyncWrite + Unpin, greeting: &str, piece: &str) -> usize {
        stream.write_all(greeting.as_bytes()).await.unwrap();
        if [WHOLE, UNASKED].contains(&greeting) {
            stream.read_u8().await.unwrap();
        }
        let (pieces, mut said) = (piece.repeat(10_000), 0);
        while said < ENDLESS_BYTES && stream.write_all(pieces.as_bytes()).await.is_ok() {
            said += pieces.len();
        }
        said
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("{scheme}://{}", listener.local_addr().unwrap());
    let said = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        if scheme == "smtp" {
            until_encrypted(&mut stream).await;
        }
        if scheme == "smtp+plain" {
            speak(stream, greeting, piece).await
        } else {
            speak(test_server::acceptor(&[]).accept(stream).await.unwrap(), greeting, piece).await
        }
    });
    (Options { ca_pem: Some(test_server::CA.to_vec()), ..options(&server) }, said)
}

#[tokio::test]
async fn a_server_that_answers_without_end_is_left_and_worth_another_try() {
    let greeting = [("220 ", "x"), ("220-test\r\n", "220-more\r\n"), (WHOLE, "250-\r\n"), (WHOLE, "x")];
    let encrypted = [(UNASKED, "250-\r\n"), (UNASKED, "x")];
    for (scheme, ways) in [("smtp+plain", &greeting[..]), ("smtps", &greeting), ("smtp", &encrypted)] {
        for &(greeting, piece) in ways {
            let (options, said) = endless(scheme, greeting, piece).await;
            let error = Mailer::new(&options).unwrap().send(FROM, TO, b"x").await.unwrap_err();
            assert!(
                !error.permanent && error.words.contains("it answers without end"),
                "{scheme} {greeting:?} {piece:?}: {error}"
            );
            // What the sockets buffer was said, and no more.
            assert!(said.await.unwrap() < ENDLESS_BYTES / 2, "{scheme} {greeting:?} {piece:?}");
        }
    }
}

#[tokio::test]
async fn a_closed_port_and_a_drop_after_the_data_are_worth_another_try() {
    let dropping = server(Behaviour::DropAfterData).await;
    let error = send_to(&dropping).await.unwrap_err();
    assert!(!error.permanent, "{error}");
    assert!(dropping.heard.await.unwrap().iter().any(|line| line == "DATA"));

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = Mailer::new(&options(&format!("smtp+plain://{closed}"))).unwrap().send(FROM, TO, b"x").await.unwrap_err();
    assert!(!error.permanent, "{error}");
}

#[tokio::test]
async fn an_accepted_message_is_delivered_although_the_farewell_is_not_answered() {
    let server = server(Behaviour::SilentAfterData).await;
    assert_eq!(send_to(&server).await, Ok(()));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_for_good() {
    let mailer = Mailer::new(&options("smtp+plain://127.0.0.1:1")).unwrap();
    assert!(mailer.send(FROM, "nobody", b"x").await.unwrap_err().permanent);
}

#[tokio::test]
async fn signing_in_sends_nothing_and_tells_a_wrong_password_from_a_server_in_trouble() {
    let options = |server: &Server| Options {
        username: Some("duskwatch".to_owned()),
        password: Some(SecretString::from("hunter2")),
        ..options(&server.url)
    };
    for (answer, outcome) in
        [("235 2.7.0 welcome", None), ("535 5.7.8 wrong password", Some(true)), ("454 4.7.0 try again later", Some(false))]
    {
        let server = server(Behaviour::Authenticate(answer)).await;
        let signed_in = Mailer::new(&options(&server)).unwrap().sign_in().await;
        assert_eq!(signed_in.err().map(|error| error.permanent), outcome, "{answer}");
        let heard = server.heard.await.unwrap();
        assert!(heard.iter().any(|line| line.starts_with("AUTH")), "{heard:?}");
        assert!(!heard.iter().any(|line| line.starts_with("MAIL") || line == "DATA"), "{heard:?}");
    }
}
