//! A receiver of webhooks on loopback that keeps what it takes.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
    response::IntoResponse as _,
};
use serde_json::Value;
use tokio::net::TcpListener;

/// How it treats whoever comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    #[default]
    Takes,
    /// Takes nothing for now.
    Refuses,
    /// Takes nothing, and asks to be left alone for so many seconds.
    Rests(u64),
    /// Takes everything, and says that it did not.
    Denies,
}

/// An event as it arrived.
pub struct Told {
    pub id: String,
    pub body: Value,
    /// Whether its sender knows that it arrived.
    pub acknowledged: bool,
}

#[derive(Default)]
struct Heard {
    manner: Manner,
    told: Vec<Told>,
}

pub struct Hooks {
    pub url: String,
    heard: Arc<Mutex<Heard>>,
}

impl Hooks {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::<Mutex<Heard>>::default();
        let shared = Arc::clone(&heard);
        let app = Router::new().fallback(move |headers: HeaderMap, body: Bytes| async move {
            let mut heard = shared.lock().unwrap();
            match heard.manner {
                Manner::Refuses => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
                Manner::Rests(seconds) => {
                    return (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds.to_string())]).into_response();
                }
                Manner::Takes | Manner::Denies => {}
            }
            let (id, body) = (headers["webhook-id"].to_str().unwrap().to_owned(), serde_json::from_slice(&body).unwrap());
            let acknowledged = heard.manner == Manner::Takes;
            heard.told.push(Told { id, body, acknowledged });
            if acknowledged { StatusCode::NO_CONTENT } else { StatusCode::INTERNAL_SERVER_ERROR }.into_response()
        });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, heard }
    }

    pub fn behave(&self, manner: Manner) {
        self.heard.lock().unwrap().manner = manner;
    }

    /// What arrived since this was asked last, as it came.
    pub fn take(&self) -> Vec<Told> {
        std::mem::take(&mut self.heard.lock().unwrap().told)
    }
}
