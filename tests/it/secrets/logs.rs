//! Secrets in every field of the logs that are no JSON, in the output of jobs, and in the registers.

use std::fmt::Write as _;

/// When every line was written, so that lines differ in their seconds only.
fn second(number: usize) -> usize {
    number % 60
}

fn quoted(cell: &str) -> String {
    format!("\"{}\"", cell.replace('"', "\"\""))
}

/// As clients write a text into an address.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Lines of a web server with each text as the user, in the request, as the referrer, as the agent, and as the line.
pub fn combined(texts: &[String]) -> String {
    let mut lines = String::new();
    for (number, text) in texts.iter().enumerate() {
        let (time, text) = (format!("02/Jul/2026:06:07:{:02} +0000", second(number)), text.replace('\n', "\\n"));
        let (inner, query) = (text.replace('\\', "\\\\").replace('"', "\\\""), encoded(&text));
        for (user, target, referrer, agent) in [
            (text.as_str(), "/2.0/user", "-", "curl/8.5.0"),
            ("mtessel", &format!("/2.0/user?q={query}"), "-", "curl/8.5.0"),
            ("mtessel", &format!("/acme/{inner}/info/refs"), "-", "curl/8.5.0"),
            ("mtessel", "/2.0/user", inner.as_str(), "curl/8.5.0"),
            ("mtessel", "/2.0/user", "-", inner.as_str()),
        ] {
            writeln!(lines, "10.0.0.7 - {user} [{time}] \"GET {target} HTTP/1.1\" 401 93 \"{referrer}\" \"{agent}\"").unwrap();
        }
        writeln!(lines, "{text} - - [{time}] \"{inner}\" 401 93 \"-\" \"-\"\n{text}").unwrap();
    }
    lines
}

/// Lines of squid with each text in the address, as the user, as the agent of an extended format, and as the line.
pub fn squid(texts: &[String]) -> String {
    let mut lines = String::new();
    for (number, text) in texts.iter().enumerate() {
        let (time, text) = (1_782_972_420 + second(number), text.replace('\n', " "));
        let (query, word) = (encoded(&text), text.replace(' ', "%20"));
        for (url, user, agent) in [
            (format!("https://api.bitbucket.org/2.0/user?q={query}"), "-", "-"),
            (format!("https://bitbucket.org/acme/{word}/info/refs"), "-", "-"),
            (format!("https://mtessel:{query}@bitbucket.org/acme/api.git/info/refs"), "-", "-"),
            ("https://api.bitbucket.org/2.0/user".to_owned(), &*word, "-"),
            ("https://api.bitbucket.org/2.0/user".to_owned(), "-", &*text.replace('"', "\\\"")),
        ] {
            let line = format!("{time}.123 42 10.0.0.7 TCP_MISS/401 93 GET {url} {user} HIER_DIRECT/192.0.2.18 - \"{agent}\"");
            writeln!(lines, "{line}").unwrap();
        }
        writeln!(lines, "{text}").unwrap();
    }
    lines
}

/// A table with each text in each of its cells.
pub fn filter(texts: &[String]) -> String {
    let mut rows = "Date;Client.IP;Login;Login.Scheme;Server;Method;URI;Code;Agent;Reason\n".to_owned();
    for (number, text) in texts.iter().enumerate() {
        let time = format!("2026-07-02 06:07:{:02}.123", second(number));
        let cells = [&time, "10.0.0.7", "mtessel", "basic", "api.bitbucket.org", "GET", "/2.0/user", "401", "curl/8.5.0", ""];
        for place in 0..cells.len() {
            let mut row = cells.map(str::to_owned);
            row[place] = quoted(text);
            writeln!(rows, "{}", row.join(";")).unwrap();
        }
    }
    rows
}

/// The output of a job whose every line holds a secret or a text, and which fails again and again.
pub fn transcript(secrets: &[&str], texts: &[String]) -> String {
    let mut lines = String::new();
    for (number, (secret, text)) in secrets.iter().zip(texts).enumerate() {
        let (time, encoded) = (format!("[2026-07-02T06:07:{:02}.000Z]", second(number)), encoded(secret));
        let url = format!("https://mtessel:{encoded}@bitbucket.org/acme/api.git");
        let api = "https://api.bitbucket.org/2.0/user";
        let command = match number % 5 {
            0 => format!("> git fetch --tags {url}"),
            1 => format!("$ git clone {url} # {text}"),
            2 => format!("+ curl -s -u 'mtessel:{secret}' {api}"),
            3 => format!("+ curl -s -H 'Authorization: Bearer {secret}' {api}?access_token={encoded}"),
            _ => format!("$ BITBUCKET_TOKEN='{secret}' git push {url}"),
        };
        let end = match number % 3 {
            0 => format!("fatal: unable to access '{url}/': The requested URL returned error: 410"),
            1 => format!("fatal: Authentication failed for '{url}/'"),
            _ => format!("curl: (22) The requested URL returned error: 401 {text}"),
        };
        for line in [&command, text, &format!("remote: CHANGE-3222 {text}"), &format!("remote: {text}"), &end] {
            for line in line.lines() {
                writeln!(lines, "{time} {line}").unwrap();
            }
        }
    }
    lines
}

/// A register with each text in each of its cells, beside a row that says who it is about.
pub fn register(columns: [&str; 5], usual: [&str; 5], texts: &[String]) -> String {
    let mut rows = columns.join(",") + "\n";
    for (number, text) in texts.iter().enumerate() {
        for place in 0..columns.len() {
            let mut row = usual.map(|cell| quoted(&cell.replace('#', &format!("{number}-{place}"))));
            row[place] = quoted(text);
            writeln!(rows, "{}", row.join(",")).unwrap();
        }
    }
    rows
}
