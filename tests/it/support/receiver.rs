//! A receiver on loopback that takes whatever is posted, and keeps it as it came: a program behind a webhook, a collector of
//! OpenTelemetry.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::DefaultBodyLimit,
    http::{HeaderMap, Uri},
};
use tokio::net::TcpListener;

/// The path, and the head with the body below it.
pub type Posted = (String, Vec<u8>);

pub struct Receiver {
    pub url: String,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let posted = Arc::<Mutex<Vec<Posted>>>::default();
        let shared = Arc::clone(&posted);
        let app = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
            let whole = [format!("{uri} {headers:?}\n").as_bytes(), &body].concat();
            shared.lock().unwrap().push((uri.path().to_owned(), whole));
        });
        let app = app.layer(DefaultBodyLimit::disable());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, posted }
    }

    /// What was posted since this was asked last.
    pub fn take(&self) -> Vec<Posted> {
        std::mem::take(&mut self.posted.lock().unwrap())
    }
}
