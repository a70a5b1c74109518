//! A collector of OpenTelemetry on loopback that keeps what it takes, and has its moods.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse},
    logs::v1::LogRecord,
};
use prost::Message as _;
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

use super::requests::{Request, reply, request};

/// Longer than anybody waits for its answer.
const SLOW: Duration = Duration::from_secs(30);

/// How it treats whoever comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    #[default]
    Takes,
    /// Takes nothing, with this status.
    Refuses(&'static str),
    /// Takes nothing, and asks to be left alone for so many seconds.
    Rests(u64),
    /// Takes everything, and hangs up before it says so.
    HangsUp,
    /// Takes everything, and says so when nobody waits any more.
    Dawdles,
    /// Takes everything but one thing, and says that.
    DropsOne,
}

/// What was posted.
pub struct Post {
    pub path: String,
    /// The first line and the headers.
    pub head: String,
    pub body: Vec<u8>,
    /// How it was treated.
    pub manner: Manner,
}

impl Post {
    /// What it says has happened.
    pub fn records(&self) -> Vec<LogRecord> {
        let request = ExportLogsServiceRequest::decode(&self.body[..]).unwrap();
        let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
        scopes.flat_map(|scope| scope.log_records).collect()
    }
}

#[derive(Default)]
struct Heard {
    manner: Manner,
    posts: Vec<Post>,
    requests: u64,
}

pub struct Collector {
    pub url: String,
    heard: Arc<Mutex<Heard>>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::<Mutex<Heard>>::default();
        let shared = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&shared)));
            }
        });
        Self { url, heard }
    }

    pub fn behave(&self, manner: Manner) {
        self.heard.lock().unwrap().manner = manner;
    }

    /// How many requests have come.
    pub fn requests(&self) -> u64 {
        self.heard.lock().unwrap().requests
    }

    /// What was posted since this was asked last, as it came.
    pub fn take(&self) -> Vec<Post> {
        std::mem::take(&mut self.heard.lock().unwrap().posts)
    }
}

async fn answer(mut stream: TcpStream, heard: Arc<Mutex<Heard>>) {
    let Some(Request { head, body }) = request(&mut stream).await else { return };
    let path = head.split_whitespace().nth(1).unwrap().to_owned();
    let manner = {
        let mut heard = heard.lock().unwrap();
        heard.requests += 1;
        let manner = heard.manner;
        heard.posts.push(Post { path, head, body, manner });
        manner
    };
    match manner {
        Manner::Takes => reply(&mut stream, "200 OK", b"", false).await,
        Manner::Refuses(status) => reply(&mut stream, status, b"", false).await,
        Manner::Rests(seconds) => {
            let status = format!("503 Service Unavailable\r\nRetry-After: {seconds}");
            reply(&mut stream, &status, b"", false).await;
        }
        Manner::HangsUp => {}
        Manner::Dawdles => {
            sleep(SLOW).await;
            reply(&mut stream, "200 OK", b"", false).await;
        }
        Manner::DropsOne => {
            let error_message = "one of them is too old".to_owned();
            let partial_success = Some(ExportLogsPartialSuccess { rejected_log_records: 1, error_message });
            // The answers to all signals are written alike.
            let said = ExportLogsServiceResponse { partial_success }.encode_to_vec();
            reply(&mut stream, "200 OK", &said, false).await;
        }
    }
}
