//! Who may send, how much at a time, and the way of a request from its headers to its answer.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::BodyDataStream,
    extract::{Extension, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use secrecy::{ExposeSecret, SecretString};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::spawn_blocking,
    time::{Instant, timeout},
};

use super::{
    Pushed, Receipt, Reply,
    body::{self, Encoding},
    rate::Bucket,
    refusal::Refusal,
};
use crate::serve::{
    access::{self, Caller, digest},
    failures::Failures,
    routes::Gate,
};

const PATH: &str = "/v1/evidence";

/// Requests that are read, unpacked or recorded at one time: times [`Limits::body`] and [`Limits::unpacked`] this is what
/// senders can make the service hold, 160 MiB.
const PLACES: usize = 8;

/// Of these, so many for one sender: the others are not kept waiting by one that is slow.
pub(super) const PLACES_EACH: usize = 4;

/// What one request and one sender may cost.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Bytes as they are sent: some hundred thousand lines compressed, ten thousand plain ones.
    pub(super) body: usize,
    /// Bytes unpacked: as many lines as make one chunk, at a kilobyte each.
    pub(super) unpacked: usize,
    /// For the whole body: a sender that trickles gives its place to others.
    pub(super) body_time: Duration,
    /// For the commit: longer, and the store is in trouble; the sender may come again.
    pub(super) answer_time: Duration,
    /// Requests that a sender may send at once, as a build farm does when many jobs end together.
    pub(super) burst: u32,
    /// One request more after each such time: every request costs a transaction that others wait for.
    pub(super) pause: Duration,
}

pub(super) const LIMITS: Limits = Limits {
    body: 4 << 20,
    unpacked: 16 << 20,
    body_time: Duration::from_secs(30),
    answer_time: Duration::from_secs(30),
    burst: 100,
    pause: Duration::from_millis(100),
};

/// The door for senders.
pub struct Intake {
    senders: Vec<Known>,
    places: Arc<Semaphore>,
    deliveries: mpsc::Sender<Pushed>,
    limits: Limits,
}

/// A sender, and what it may do now.
struct Known {
    token: [u8; 32],
    bucket: Mutex<Bucket>,
    places: Arc<Semaphore>,
}

impl Intake {
    /// The door for the senders of these tokens, and its end inside the house; without senders there is none.
    pub fn new(tokens: &[SecretString]) -> Option<(Self, mpsc::Receiver<Pushed>)> {
        Self::within(LIMITS, tokens)
    }

    pub(super) fn within(limits: Limits, tokens: &[SecretString]) -> Option<(Self, mpsc::Receiver<Pushed>)> {
        let known = |token: &SecretString| Known {
            token: digest(token.expose_secret().as_bytes()),
            bucket: Mutex::new(Bucket::full(limits.burst, limits.pause, Instant::now())),
            places: Arc::new(Semaphore::new(PLACES_EACH)),
        };
        let (deliveries, inbox) = mpsc::channel(PLACES);
        let senders: Vec<Known> = tokens.iter().map(known).collect();
        (!senders.is_empty()).then(|| (Self { senders, places: Arc::new(Semaphore::new(PLACES)), deliveries, limits }, inbox))
    }

    async fn receive(
        &self,
        caller: Caller,
        failures: &Failures,
        headers: &HeaderMap,
        body: &mut BodyDataStream,
    ) -> Result<Receipt, Refusal> {
        let sender = self.admitted(caller, failures, headers)?;
        self.senders[sender].admit()?;
        let encoding = Encoding::of(headers).ok_or(Refusal::UnknownEncoding)?;
        let places = self.places(sender)?;
        let limits = self.limits;
        let sent = timeout(limits.body_time, body::read(headers, body, limits.body)).await.map_err(|_| Refusal::TooSlow)??;
        let unpacked = spawn_blocking(move || encoding.unpack(sent, limits.unpacked)).await;
        let lines = unpacked.map_err(|_| Refusal::Busy)??;
        let (answer, answered) = oneshot::channel();
        let delivery = Pushed { sender, lines, reply: Reply { answer, _places: places } };
        self.deliveries.try_send(delivery).map_err(|_| Refusal::Busy)?;
        match timeout(limits.answer_time, answered).await {
            Ok(Ok(receipt)) => Ok(receipt),
            Ok(Err(_)) | Err(_) => Err(Refusal::Busy),
        }
    }

    fn admitted(&self, caller: Caller, failures: &Failures, headers: &HeaderMap) -> Result<usize, Refusal> {
        let given = access::presented(headers).ok_or(Refusal::Stranger)?;
        let now = Instant::now();
        failures.patience(caller.address, now).map_err(Refusal::TooManyGuesses)?;
        self.sender(&given).ok_or_else(|| {
            failures.note(caller.address, now);
            Refusal::Stranger
        })
    }

    /// Whose token it is. All are compared to the end, and by their digests, so that the time it takes says neither how much
    /// of a token was right, nor how long it is, nor which sender's it is.
    fn sender(&self, given: &[u8]) -> Option<usize> {
        let given = digest(given);
        let mut found = u64::MAX;
        for (number, known) in (0..).zip(&self.senders) {
            found.conditional_assign(&number, known.token.ct_eq(&given));
        }
        usize::try_from(found).ok().filter(|number| *number < self.senders.len())
    }

    fn places(&self, sender: usize) -> Result<[OwnedSemaphorePermit; 2], Refusal> {
        let take = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().map_err(|_| Refusal::Busy);
        Ok([take(&self.senders[sender].places)?, take(&self.places)?])
    }
}

impl Known {
    fn admit(&self) -> Result<(), Refusal> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(Instant::now()).map_err(Refusal::TooOften)
    }
}

/// The door, whichever it is now; where there are no senders nothing is there.
pub(in crate::serve) fn router(gate: Gate) -> Router {
    Router::new().route(PATH, any(answer)).with_state(gate)
}

async fn answer(State(gate): State<Gate>, Extension(caller): Extension<Caller>, request: Request) -> Response {
    let doors = gate.doors();
    let Some(intake) = &doors.intake else {
        return (StatusCode::NOT_FOUND, [(header::CONNECTION, "close")], "There is nothing here.\n").into_response();
    };
    if request.method() != Method::POST {
        let post = [(header::ALLOW, "POST")];
        return (StatusCode::METHOD_NOT_ALLOWED, post, "Evidence is sent here with POST.\n").into_response();
    }
    let (head, body) = request.into_parts();
    let mut body = body.into_data_stream();
    match intake.receive(caller, &gate.failures, &head.headers, &mut body).await {
        Ok(receipt) => receipt.into_response(),
        Err(refusal) => {
            // Whoever still speaks does not hear; a stranger is not listened to, and who asked first has not begun.
            let strange = matches!(refusal, Refusal::Stranger | Refusal::TooManyGuesses(_));
            if !strange && !head.headers.contains_key(header::EXPECT) {
                body::pass_over(&mut body, intake.limits.body).await;
            }
            refusal.into_response()
        }
    }
}
