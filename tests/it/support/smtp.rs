//! A mail server on loopback that keeps what it takes, and refuses whom it is told to.

use std::{
    io::{Cursor, Read as _},
    sync::{Arc, Mutex},
};

use data_encoding::BASE64_NOPAD;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use zip::ZipArchive;

/// A mail as it arrived: its recipient, and its lines with header folding and soft line breaks undone.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub to: String,
    pub text: String,
}

impl Arrived {
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.text.split("\r\n\r\n").next()?;
        let prefix = format!("{name}: ");
        head.split("\r\n").find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
    }

    /// Its text, and every file in what is attached to it.
    pub fn everything(&self) -> Vec<Vec<u8>> {
        let mut all = vec![self.text.clone().into_bytes()];
        for part in self.text.split("Content-Transfer-Encoding: base64").skip(1) {
            let body = part.split_once("\r\n\r\n").unwrap().1.split("--").next().unwrap_or_default();
            // Of what fills the last line up something was taken for a soft line break.
            let body: String = body.chars().filter(|c| !matches!(c, '\r' | '\n' | '=')).collect();
            let bytes = BASE64_NOPAD.decode(body.as_bytes()).unwrap();
            match ZipArchive::new(Cursor::new(&bytes)) {
                Ok(mut archive) => all.extend((0..archive.len()).map(|number| {
                    let mut file = Vec::new();
                    archive.by_index(number).unwrap().read_to_end(&mut file).unwrap();
                    file
                })),
                Err(_) => all.push(bytes),
            }
        }
        all
    }
}

#[derive(Default)]
struct Heard {
    arrived: Vec<Arrived>,
    /// Recipients, and the words with which each is refused.
    refused: Vec<(String, &'static str)>,
    /// Mails are taken, and the word of it is never said.
    silent: bool,
}

pub struct MailServer {
    pub url: String,
    heard: Arc<Mutex<Heard>>,
    arrival: Arc<Notify>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp+plain://{}", listener.local_addr().unwrap());
        let heard = Arc::<Mutex<Heard>>::default();
        let (shared, arrival) = (Arc::clone(&heard), Arc::<Notify>::default());
        let arrived = Arc::clone(&arrival);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (heard, arrived) = (Arc::clone(&shared), Arc::clone(&arrived));
                // A client that hangs up in the middle has said nothing that counts.
                tokio::spawn(async move { converse(stream, &heard, &arrived).await.ok() });
            }
        });
        Self { url, heard, arrival }
    }

    /// From now on, exactly these recipients are refused.
    pub fn refuse(&self, refused: &[(&str, &'static str)]) {
        self.heard.lock().unwrap().refused = refused.iter().map(|(to, words)| ((*to).to_owned(), *words)).collect();
    }

    /// The next one that arrives.
    pub async fn next(&self) -> Arrived {
        loop {
            let arrival = self.arrival.notified();
            if let Some(mail) = self.first() {
                return mail;
            }
            arrival.await;
        }
    }

    fn first(&self) -> Option<Arrived> {
        let arrived = &mut self.heard.lock().unwrap().arrived;
        (!arrived.is_empty()).then(|| arrived.remove(0))
    }

    /// Whether the connection breaks after each mail, before its sender is told that it arrived.
    pub fn fall_silent(&self, silent: bool) {
        self.heard.lock().unwrap().silent = silent;
    }

    /// What arrived since this was asked last, by recipient.
    pub fn take(&self) -> Vec<Arrived> {
        let mut arrived = self.take_in_order();
        arrived.sort_by(|a, b| a.to.cmp(&b.to));
        arrived
    }

    /// What arrived since this was asked last, as it came.
    pub fn take_in_order(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.heard.lock().unwrap().arrived)
    }
}

async fn converse(stream: TcpStream, heard: &Mutex<Heard>, arrival: &Notify) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 here\r\n").await?;
    let (mut to, mut text, mut in_data) = (String::new(), String::new(), false);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let said = std::mem::take(&mut line);
        if in_data && said != ".\r\n" {
            text.push_str(said.strip_prefix('.').unwrap_or(&said));
            continue;
        }
        let answer = if in_data {
            in_data = false;
            let text = unfolded(&std::mem::take(&mut text));
            let mut heard = heard.lock().unwrap();
            heard.arrived.push(Arrived { to: to.clone(), text });
            arrival.notify_one();
            if heard.silent {
                return Ok(());
            }
            "250 taken"
        } else if let Some(recipient) = said.strip_prefix("RCPT TO:<") {
            to = recipient.split('>').next().unwrap_or_default().to_owned();
            heard.lock().unwrap().refused.iter().find(|(refused, _)| *refused == to).map_or("250 ok", |(_, words)| words)
        } else if said.starts_with("DATA") {
            in_data = true;
            "354 go on"
        } else {
            "250 ok"
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

fn unfolded(text: &str) -> String {
    text.replace("=\r\n", "").replace("\r\n ", " ")
}
