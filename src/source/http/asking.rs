//! A question that is too long for an address is sent as a body, and its answer is read as it comes.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use url::Url;

use super::{Client, FetchError, MAX_ERROR_BODY_BYTES, body, class, place, unavailable};
use crate::source::retry::persist;

/// An answer longer than any that is meant for us.
const MAX_ANSWER_BYTES: usize = 64 << 30;
/// A row has a few hundred bytes; this is no row any more.
const MAX_LINE_BYTES: usize = 1 << 20;

/// An answer that is still coming.
pub(in crate::source) struct Coming {
    at: String,
    answer: Response,
    rest: Vec<u8>,
    bytes: usize,
}

/// A refusal, with its body as far as its message goes: for the code in it, never to be quoted.
pub(in crate::source) struct Refused {
    pub status: StatusCode,
    pub said: String,
}

impl Client {
    /// Asks once: a question that costs its engine much is repeated by the schedule only. Whoever drops the answer hangs up.
    pub(in crate::source) async fn ask(
        &self,
        url: &Url,
        question: String,
        limit: Duration,
    ) -> Result<Result<Coming, Refused>, FetchError> {
        let at = place(url);
        let (at_ref, question) = (&at, &question);
        let answer = persist(&self.gate, &at, 0, || async move {
            let sent = self.http.post(url.clone()).timeout(limit).body(question.clone()).send().await;
            sent.map_err(|error| {
                self.count("none");
                unavailable(at_ref, &error)
            })
        });
        let answer = answer.await?;
        let status = answer.status();
        self.count(class(status));
        if status.is_success() {
            return Ok(Ok(Coming { at, answer, rest: Vec::new(), bytes: 0 }));
        }
        let said = body(answer, &at, MAX_ERROR_BODY_BYTES).await.unwrap_or_default();
        Ok(Err(Refused { status, said }))
    }
}

impl Coming {
    /// The next whole lines; none at the end. Where something follows the last line end, the answer was cut off.
    pub(in crate::source) async fn lines(&mut self) -> Result<Option<Vec<u8>>, FetchError> {
        loop {
            let Some(chunk) = self.answer.chunk().await.map_err(|error| unavailable(&self.at, &error))? else {
                if self.rest.is_empty() {
                    return Ok(None);
                }
                return Err(FetchError::Unavailable { at: self.at.clone(), cause: super::Outage::BrokenOff });
            };
            self.bytes += chunk.len();
            if self.bytes > MAX_ANSWER_BYTES {
                return Err(FetchError::TooLarge { at: self.at.clone(), limit_bytes: MAX_ANSWER_BYTES });
            }
            self.rest.extend_from_slice(&chunk);
            if let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') {
                let rest = self.rest.split_off(end + 1);
                return Ok(Some(std::mem::replace(&mut self.rest, rest)));
            }
            if self.rest.len() > MAX_LINE_BYTES {
                return Err(FetchError::TooLarge { at: self.at.clone(), limit_bytes: MAX_LINE_BYTES });
            }
        }
    }
}
