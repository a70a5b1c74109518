//! Which faults a round meets, drawn from a seed, and a host that nobody should ever talk to.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use duskwatch::simulator::{EndOfStream, Fault, FaultKind, NextForm, RetryHeader, ServeOptions, When};
use fastrand::Rng;
use tokio::{io::AsyncReadExt, net::TcpListener};

/// The places where a fault may be; none is everywhere.
const PLACES: [Option<&str>; 9] = [
    None,
    Some("events-stream"),
    Some("events-stream"),
    Some("event-actions"),
    Some("api-tokens"),
    Some("permissions"),
    Some("members"),
    Some("permissions/repositories"),
    Some("deploy-keys"),
];

/// Faults of one round at most.
const MAX_FAULTS: usize = 4;

pub fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}

/// The forms in which one server differs from another.
pub fn server(rng: &mut Rng, elsewhere: String) -> ServeOptions {
    ServeOptions {
        retry_header: pick(rng, &RetryHeader::ALL),
        end_of_stream: pick(rng, &[EndOfStream::CursorOnLastPage, EndOfStream::EmptyPageWithoutCursor]),
        next_form: pick(rng, &[NextForm::Url, NextForm::BareCursor]),
        repeats: rng.bool(),
        elsewhere,
        ..ServeOptions::default()
    }
}

/// What goes wrong in one round.
pub fn faults(rng: &mut Rng) -> Vec<Fault> {
    let kinds: Vec<FaultKind> = FaultKind::all().map(|(_, kind, _)| kind).collect();
    (0..rng.usize(..=MAX_FAULTS)).map(|_| fault(rng, &kinds)).collect()
}

fn fault(rng: &mut Rng, kinds: &[FaultKind]) -> Fault {
    let drawn = kinds[rng.usize(..kinds.len())].clone();
    let kind = varied(rng, drawn);
    let endpoint = pick(rng, &PLACES);
    let when = match rng.usize(..3) {
        // To write 40 MiB, or to follow five thousand cursors, again and again would show nothing new.
        _ if matches!(kind, FaultKind::HugeBody | FaultKind::FreshCursors) => When::Burst { from: rng.u64(1..6), count: 2 },
        0 => When::Every(rng.u64(1..9)),
        1 => When::Chance(rng.f64() * 0.6),
        _ => When::Burst { from: rng.u64(1..20), count: rng.u64(1..14) },
    };
    Fault { kind, when, endpoint }
}

/// The same kind with another value, where it has one. A request is given up after a minute.
fn varied(rng: &mut Rng, kind: FaultKind) -> FaultKind {
    match kind {
        FaultKind::Status(_) => FaultKind::Status(pick(rng, &[400, 408, 418, 500, 502, 503, 504])),
        FaultKind::RateLimited(_) => FaultKind::RateLimited(pick(rng, &RetryHeader::ALL)),
        FaultKind::RedirectHere(_) => FaultKind::RedirectHere(pick(rng, &[301, 302, 307])),
        FaultKind::RedirectAway(_) => FaultKind::RedirectAway(pick(rng, &[301, 302, 307])),
        FaultKind::SlowHeaders(_) => FaultKind::SlowHeaders(Duration::from_secs(rng.u64(1..90))),
        FaultKind::SlowBody(_) => FaultKind::SlowBody(Duration::from_secs(rng.u64(1..90))),
        other => other,
    }
}

/// Whether a fault adds items that the world does not know.
pub fn adds(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Odd(_))
}

/// Another host: it notes every byte that it is sent.
pub struct Stranger {
    pub origin: String,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Stranger {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = b"connected ".to_vec();
                stream.read_buf(&mut bytes).await.unwrap();
                noted.lock().unwrap().extend(bytes);
            }
        });
        Self { origin, heard }
    }

    pub fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }
}
