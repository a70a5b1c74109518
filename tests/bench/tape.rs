//! The simulator's answers, recorded once and played back byte by byte over loopback HTTP, so that what is measured is not
//! the time that the simulator takes to invent and compress a page.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Context as _;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use tokio::net::TcpListener;

/// A server that asks the simulator what it does not know yet.
pub struct Tape {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    simulator: String,
    client: reqwest::Client,
    answers: Mutex<BTreeMap<String, Answer>>,
    /// The pages of events once more, one after the other, for those who walk in their own words.
    chain: Mutex<Vec<Answer>>,
    misses: AtomicU64,
    asked: AtomicU64,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Tape {
    pub async fn start(simulator: String) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        // An earlier one would do as well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().no_gzip().no_proxy().build()?;
        let shared = Arc::new(Shared {
            simulator,
            client,
            answers: Mutex::default(),
            chain: Mutex::default(),
            misses: AtomicU64::new(0),
            asked: AtomicU64::new(0),
        });
        let app = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url, shared })
    }

    /// How many requests were not on the tape since it was last rewound.
    pub fn misses(&self) -> u64 {
        self.shared.misses.load(Ordering::Relaxed)
    }

    /// How many requests came since this was asked last.
    pub fn asked(&self) -> u64 {
        self.shared.asked.swap(0, Ordering::Relaxed)
    }

    /// Lays the pages of events out so that each leads to the next by its number: `GET …/events?cursor=7`.
    pub fn chain(&self) -> anyhow::Result<()> {
        let pages = self.rewind()?;
        let last = pages.len().saturating_sub(1);
        let answers = pages.iter().enumerate().map(|(number, page)| {
            let mut page: serde_json::Value = serde_json::from_str(page)?;
            page["meta"]["next"] = if number == last { serde_json::Value::Null } else { (number + 1).to_string().into() };
            let mut body = GzEncoder::new(Vec::new(), Compression::fast());
            body.write_all(page.to_string().as_bytes())?;
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Ok(Answer { status: StatusCode::OK, headers, body: body.finish()?.into() })
        });
        let answers = answers.collect::<anyhow::Result<Vec<_>>>()?;
        *self.shared.chain.lock().unwrap_or_else(PoisonError::into_inner) = answers;
        Ok(())
    }

    /// Forgets the misses of the recording; the pages of events on the tape, unpacked.
    pub fn rewind(&self) -> anyhow::Result<Vec<String>> {
        self.shared.misses.store(0, Ordering::Relaxed);
        let answers = self.shared.answers();
        let pages = answers.iter().filter(|(asked, _)| asked.contains("/events-stream?"));
        pages.map(|(_, answer)| unpacked(answer)).collect()
    }
}

impl Shared {
    fn answers(&self) -> MutexGuard<'_, BTreeMap<String, Answer>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page of the chain that a request for `…/events` asks for, by its number as the cursor.
    fn chained(&self, request: &Request) -> Option<Answer> {
        let number = request.uri().path().ends_with("/events").then(|| cursor_of(request.uri().query().unwrap_or_default()))?;
        self.chain.lock().unwrap_or_else(PoisonError::into_inner).get(number).cloned()
    }

    async fn record(&self, asked: &str, mut headers: HeaderMap) -> anyhow::Result<Answer> {
        self.misses.fetch_add(1, Ordering::Relaxed);
        headers.remove(header::CONNECTION);
        let mut answer = self.client.get(format!("{}{asked}", self.simulator)).headers(headers).send().await?;
        let mut headers = std::mem::take(answer.headers_mut());
        headers.remove(header::TRANSFER_ENCODING);
        let answer = Answer { status: answer.status(), headers, body: answer.bytes().await? };
        self.answers().insert(asked.to_owned(), answer.clone());
        Ok(answer)
    }
}

fn cursor_of(query: &str) -> usize {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == "cursor").and_then(|(_, cursor)| cursor.parse().ok()).unwrap_or(0)
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    shared.asked.fetch_add(1, Ordering::Relaxed);
    let asked = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let known = shared.chained(&request).or_else(|| shared.answers().get(&asked).cloned());
    let answer = match known {
        Some(answer) => Ok(answer),
        None => shared.record(&asked, request.headers().clone()).await,
    };
    match answer {
        Ok(answer) => (answer.status, answer.headers, Body::from(answer.body)).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}

fn unpacked(answer: &Answer) -> anyhow::Result<String> {
    let mut text = String::new();
    if answer.headers.contains_key(header::CONTENT_ENCODING) {
        GzDecoder::new(answer.body.as_ref()).read_to_string(&mut text).context("a page on the tape")?;
    } else {
        text.push_str(std::str::from_utf8(&answer.body)?);
    }
    Ok(text)
}
