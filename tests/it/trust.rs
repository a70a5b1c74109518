//! What others on the machine and on the way learn of the running program: nothing that is secret.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    process::Command,
    thread,
};

use duskwatch::simulator::ServeOptions;

use crate::support::{NOW, Site, at, program::Service, small_world};

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
