//! `health`: whether the service that runs with this configuration answers.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use super::options::Page;
use crate::{network::client_for_ourselves, report::inert};

/// A process that turns answers at once; whoever runs this wants to know it soon.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The service turns; what it says of its readiness.
#[derive(Debug, PartialEq, Eq)]
pub struct Healthy {
    pub ready: bool,
    /// What is not as it should be, in its own words, one line each.
    pub words: Vec<String>,
}

/// Asks the service where it listens. No token is sent: none is needed for what is asked.
///
/// # Errors
/// Why it is not healthy, in words.
pub async fn health(page: Page) -> Result<Healthy, String> {
    let address = address(page.listen)?;
    // The page's certificate names the host that readers ask for. Nothing secret goes this way, and only words come back.
    let client = client_for_ourselves().timeout(TIMEOUT).tls_danger_accept_invalid_certs(true).build();
    let client = client.map_err(|error| format!("no client could be made: {error}"))?;
    let get = |scheme: &str, path: &str| client.get(format!("{scheme}://{address}{path}")).send();
    let ask = async |path: &str| {
        let answer = match page.encrypted {
            Some(true) => get("https", path).await,
            Some(false) => get("http", path).await,
            None => match get("https", path).await {
                Err(error) if !error.is_timeout() => get("http", path).await,
                answer => answer,
            },
        };
        let answer = answer.map_err(|error| unanswered(address, &error))?;
        let well = answer.status().is_success();
        let words = answer.text().await.map_err(|error| unanswered(address, &error))?;
        // Whoever took the port of a service that is down could write to the terminal.
        let words = words.trim().lines().map(inert::sentence).collect::<Vec<_>>().join("\n");
        Ok::<_, String>((well, words))
    };
    match ask("/healthz").await? {
        (true, _) => {}
        (false, words) => return Err(format!("{address} says: {words}")),
    }
    let (ready, words) = ask("/readyz").await?;
    // A service that is ready says that first.
    Ok(Healthy { ready, words: words.lines().skip(usize::from(ready)).map(str::to_owned).collect() })
}

/// Where a service that listens on an address can be reached from this machine.
fn address(listen: SocketAddr) -> Result<SocketAddr, String> {
    if listen.port() == 0 {
        return Err("[http] listen has port 0, which is another one at each start: nobody knows where to ask".to_owned());
    }
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(SocketAddr::new(ip, listen.port()))
}

fn unanswered(address: SocketAddr, error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("{address} did not answer within {} s", TIMEOUT.as_secs());
    }
    if error.is_connect() {
        return format!("nothing listens on {address}: does the service run, with this configuration?");
    }
    format!("{address} did not answer as the service does: {error}")
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn whoever_answers_there_writes_nothing_to_the_terminal_but_words() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let page = Page { listen: listener.local_addr().expect("an address"), encrypted: Some(false) };
        let stranger = async {
            let (mut caller, _) = listener.accept().await.expect("a caller");
            assert_ne!(caller.read(&mut [0; 1_000]).await.expect("a request"), 0);
            let answer = b"HTTP/1.1 503 No\r\ncontent-length: 8\r\nconnection: close\r\n\r\n\x1b[31mred";
            caller.write_all(answer).await.expect("an answer");
        };
        let (said, ()) = tokio::join!(health(page), stranger);
        assert_eq!(said, Err(format!("{} says: \\u{{1b}}[31mred", page.listen)));
    }

    #[tokio::test]
    async fn where_nobody_can_say_whether_it_is_encrypted_both_ways_are_tried() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let page = Page { listen: listener.local_addr().expect("an address"), encrypted: None };
        let plain = async {
            let mut asked = Vec::new();
            while asked.len() < 4 {
                let (mut caller, _) = listener.accept().await.expect("a caller");
                let mut request = [0; 5];
                caller.read_exact(&mut request).await.expect("a request");
                asked.push(request[0]);
                if request == *b"GET /" {
                    caller.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nready\n").await.ok();
                }
            }
            asked
        };
        let (said, asked) = tokio::join!(health(page), plain);
        assert_eq!(said, Ok(Healthy { ready: true, words: Vec::new() }));
        let handshake = 22;
        assert_eq!(asked, [handshake, b'G', handshake, b'G']);
    }

    #[test]
    fn a_service_on_every_address_is_asked_on_the_loopback() {
        let asked = |listen: &str| address(listen.parse().expect("an address")).map(|address| address.to_string());
        assert_eq!(asked("0.0.0.0:9188"), Ok("127.0.0.1:9188".to_owned()));
        assert_eq!(asked("[::]:9188"), Ok("[::1]:9188".to_owned()));
        assert_eq!(asked("10.0.0.7:80"), Ok("10.0.0.7:80".to_owned()));
        assert!(asked("127.0.0.1:0").is_err());
    }
}
