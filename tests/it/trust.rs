//! What others on the machine and on the way learn of the running program: nothing that is secret.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::FileExt as _,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use aho_corasick::AhoCorasick;
use data_encoding::BASE64;
use duskwatch::simulator::ServeOptions;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{NOW, Site, at, leave_out, program::Service, small_world};

/// An authority and what it has signed for 127.0.0.1.
const TLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/deliver/tls");

/// A proxy that refuses its one caller and tells what it was asked.
fn proxy() -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 4_096];
        let read = stream.read(&mut head).unwrap();
        stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    (address, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_of_the_environment_is_asked_for_other_machines_and_sees_no_key() {
    let site = Site::new(&small_world(61, at(NOW), 2), ServeOptions::default()).await;
    let (address, asked) = proxy();
    let poll = |source: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_duskwatch"));
        command.arg("--config").arg(site.config()).args(["--now", NOW, "poll", "--source", source]);
        tokio::task::block_in_place(|| command.env("HTTPS_PROXY", &address).env("HTTP_PROXY", &address).output()).unwrap()
    };
    let direct = poll("tokens/acme");
    assert!(direct.status.success() && !asked.is_finished(), "loopback is asked directly: {direct:?}");
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text.replace(&site.server.atlassian_url(), "https://api.example.test")).unwrap();
    let refused = poll("tokens/acme");
    assert_eq!(refused.status.code(), Some(75), "{refused:?}");
    let head = asked.join().unwrap();
    let key = ServeOptions::default().organization_key;
    assert!(head.starts_with("CONNECT api.example.test:443 HTTP/1.1\r\n"), "{head}");
    assert!(!head.to_lowercase().contains("\r\nauthorization") && !head.contains(&key), "{head}");
    let said = String::from_utf8_lossy(&[refused.stdout, refused.stderr].concat()).into_owned();
    assert!(said.contains("api.example.test") && !said.contains(&key), "{said}");
}

/// Answers callers over TLS, with a certificate that the authority of the tests has signed, and counts what it was asked.
async fn server_of_the_authority() -> (String, Arc<AtomicUsize>) {
    let file = |name: &str| format!("{TLS}/{name}");
    let certificates = vec![CertificateDer::from_pem_file(file("server.pem")).unwrap()];
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_file(file("server.key")).unwrap())
        .unwrap();
    let (acceptor, asked) = (tokio_rustls::TlsAcceptor::from(Arc::new(config)), Arc::new(AtomicUsize::new(0)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, counted) = (format!("https://{}", listener.local_addr().unwrap()), Arc::clone(&asked));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            counted.fetch_add(1, Ordering::SeqCst);
            // What is closed before it was read is broken off.
            let mut question = Vec::new();
            while !question.ends_with(b"\r\n\r\n")
                && let Ok(byte) = stream.read_u8().await
            {
                question.push(byte);
            }
            let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n{\"data\": []}";
            drop(stream.write_all(answer.as_bytes()).await);
            drop(stream.shutdown().await);
        }
    });
    (address, asked)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn who_runs_it_chooses_the_authorities_that_are_trusted() {
    let site = Site::new(&small_world(63, at(NOW), 2), ServeOptions::default()).await;
    let (address, asked) = server_of_the_authority().await;
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text.replace(&site.server.atlassian_url(), &address)).unwrap();
    let poll = |trusted: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_duskwatch"));
        command.arg("--config").arg(site.config()).args(["--now", NOW, "poll", "--source", "tokens/acme"]);
        command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").envs(trusted.map(|file| ("SSL_CERT_FILE", file)));
        let polled = tokio::task::block_in_place(|| command.output()).unwrap();
        (polled.status.code(), String::from_utf8_lossy(&[polled.stdout, polled.stderr].concat()).into_owned())
    };
    let (code, said) = poll(None);
    assert!(code == Some(75) && said.contains("signed by nobody who is trusted here"), "{code:?} {said}");
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let (code, said) = poll(Some(&format!("{TLS}/ca.pem")));
    assert!(code == Some(0) && asked.load(Ordering::SeqCst) > 0, "{code:?} {said}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_running_service_leaves_no_core_dump_and_tells_no_secret_by_its_arguments() {
    let site = Site::new(&small_world(62, at(NOW), 2), ServeOptions::default()).await;
    let (service, _) = Service::serving(&site);
    let about = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", service.id())).unwrap();
    let limits = about("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    let keys = ServeOptions::default();
    let arguments = about("cmdline");
    assert!(
        arguments.contains("run") && !arguments.contains(&keys.organization_key) && !arguments.contains(&keys.workspace_token)
    );
    assert!(service.terminate().0.success());
}

/// How often each of these texts stands in what a process may write to of its memory.
#[cfg(target_os = "linux")]
fn copies(process: u32, texts: &[&str]) -> io::Result<Vec<usize>> {
    let memory = fs::File::open(format!("/proc/{process}/mem"))?;
    let maps = fs::read_to_string(format!("/proc/{process}/maps"))?;
    let (search, mut found) = (AhoCorasick::new(texts).unwrap(), vec![0; texts.len()]);
    for region in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with("rw"))) {
        let (from, to) = region.split(' ').next().unwrap().split_once('-').unwrap();
        let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        // What the kernel keeps for itself is not read.
        let read = memory.read_at(&mut bytes, from).unwrap_or(0);
        search.find_iter(&bytes[..read]).for_each(|hit| found[hit.pattern().as_usize()] += 1);
    }
    Ok(found)
}

/// Replaces each of the secrets of a site, which lie in files of these names.
#[cfg(target_os = "linux")]
fn replace(site: &Site, secrets: &[(&str, String)]) {
    for (name, secret) in secrets {
        fs::write(site.path("fresh"), secret).unwrap();
        fs::rename(site.path("fresh"), site.path(name)).unwrap();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_replaced_is_not_left_in_memory() {
    let site = Site::grown(&small_world(63, at(NOW), 2), ServeOptions::default()).await;
    let hook = |byte| format!("whsec_{}", BASE64.encode(&[byte; 32]));
    let keys = ServeOptions::default();
    let old = [
        ("page.token", "Zq3PageTokenThatWasFirst".to_owned()),
        ("ci.token", "Zq3SenderTokenThatWasFirst".to_owned()),
        ("hook.secret", hook(7)),
        ("mail.password", "Zq3MailPasswordThatWasFirst".to_owned()),
        ("organization.key", keys.organization_key),
        ("workspace.key", keys.workspace_token),
    ];
    replace(&site, &old);
    let reference = |name: &str| format!("\"file:{}\"", site.path(name).display());
    let text =
        fs::read_to_string(site.config()).unwrap().replace("[http]\n", &format!("[http]\ntoken = {}\n", reference("page.token")));
    let more = format!(
        "[[http.intake]]\nname = \"ci\"\ntoken = {}\n[[webhook]]\nurl = \"http://127.0.0.1:1/hook\"\nsecret = {}\n\
         [email]\nserver = \"smtps://127.0.0.1:1\"\nusername = \"duskwatch\"\npassword = {}\nfrom = \"duskwatch@example.test\"\n",
        reference("ci.token"),
        reference("hook.secret"),
        reference("mail.password"),
    );
    fs::write(site.config(), text + &more).unwrap();
    let (mut service, _) = Service::serving(&site);
    service.wait_for("round done", &site.engine().source_names());
    let texts: Vec<&str> = old.iter().map(|(_, secret)| secret.as_str()).collect();
    let before = match copies(service.id(), &texts) {
        Ok(found) => found,
        Err(refused) => {
            // Whoever runs as the same user, as the service does here, is not let in at all.
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
            return leave_out("the memory of a process of the same user may not be read");
        }
    };
    assert!(
        before.iter().all(|copies| *copies > 0),
        "a running service holds what it needs, or nothing is seen here: {before:?}"
    );

    let new: Vec<(&str, String)> = old
        .iter()
        .map(|(name, secret)| {
            (
                *name,
                if *name == "hook.secret" { hook(8) } else { secret.replace("First", "Later").replace("simulated", "replaced") },
            )
        })
        .collect();
    replace(&site, &new);
    // What was under way with the old ones has ended when the second renewal is over.
    for _ in 0..2 {
        service.hang_up();
        service.wait_for("the new configuration is in force", &[String::new()]);
    }
    let after = copies(service.id(), &texts).unwrap();
    eprintln!("copies of secrets in memory, before and after they were replaced:");
    old.iter().zip(before.iter().zip(&after)).for_each(|((name, _), (before, after))| eprintln!("{name}: {before}, {after}"));
    assert_eq!(after[..4], [0; 4], "what only the service itself holds is overwritten");
    assert!(service.terminate().0.success());
}
