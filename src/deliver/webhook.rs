//! Webhooks: one JSON body, signed as Standard Webhooks say, to one address.
//!
//! What is signed is the id, the time of the attempt and the body, so that a receiver can tell who sent it, that nobody
//! changed it, and that it is not an old one sent again. The id is the same in every attempt. An address may itself be a
//! secret, so it stands in no message. Absent: what is sent, and when it is tried again.

use std::{fmt, time::Duration};

use anyhow::{Context, Result};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::{Client, StatusCode, header::RETRY_AFTER};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;
use url::Url;

use super::SendError;
use crate::{
    network::{Network, asked_pause},
    report::inert,
    tls,
};

/// A receiver is expected to take the message, not to act on it while we wait.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// How secrets begin.
const PREFIX: &str = "whsec_";

/// Bytes of a secret: fewer can be guessed, more are a slip.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Where a message goes, and how it is signed.
#[derive(Clone)]
pub struct Options {
    pub url: Url,
    /// `whsec_` and base64.
    pub secret: SecretString,
    pub network: Network,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("place", &place(&self.url)).finish_non_exhaustive()
    }
}

/// A configured receiver.
pub struct Hook {
    client: Client,
    url: Url,
    key: SecretSlice<u8>,
}

/// Says what is wrong with a secret, without repeating it.
pub fn check_secret(secret: &SecretString) -> Result<(), String> {
    key(secret).map(drop)
}

fn key(secret: &SecretString) -> Result<SecretSlice<u8>, String> {
    let encoded = secret.expose_secret();
    let encoded = encoded.strip_prefix(PREFIX).unwrap_or(encoded);
    let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| format!("the secret must be base64, with or without {PREFIX}"))?;
    if !SECRET_BYTES.contains(&bytes.len()) {
        let (least, most) = (SECRET_BYTES.start(), SECRET_BYTES.end());
        return Err(format!("the secret has {} bytes: {least} to {most} random ones are asked for", bytes.len()));
    }
    Ok(bytes.into())
}

/// What may be shown of an address: paths and queries of webhooks are often secrets.
pub fn place(url: &Url) -> String {
    url.origin().ascii_serialization()
}

impl Hook {
    /// Nothing is connected yet. A TLS provider must have been installed for the process.
    pub fn new(options: &Options) -> Result<Self> {
        let builder = options.network.client(&options.url)?.timeout(ANSWER_LIMIT);
        Ok(Self {
            client: builder.build().context("the HTTP client could not be built")?,
            url: options.url.clone(),
            key: key(&options.secret).map_err(anyhow::Error::msg)?,
        })
    }

    /// Hands one message over. Redirects are not followed.
    pub async fn send(&self, id: &str, at: Timestamp, body: &[u8]) -> Result<(), SendError> {
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at.as_second())
            .header("webhook-signature", self.signature(id, at, body))
            .body(body.to_vec());
        let answer = request.send().await.map_err(|error| SendError::for_now(words(&error)))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            StatusCode::GONE => Err(SendError::for_good("410: the receiver is gone for good".to_owned())),
            status if status.is_redirection() => Err(SendError::for_now(format!("{status}: redirects are not followed"))),
            status => {
                let pause = asked_pause(answer.headers(), RETRY_AFTER.as_str());
                Err(SendError { pause, ..SendError::for_now(format!("it answered {status}")) })
            }
        }
    }

    /// Whether anybody answers there, whatever they say: nothing is told.
    pub async fn reach(&self) -> Result<(), SendError> {
        let answer = self.client.head(self.url.clone()).send().await;
        answer.map(drop).map_err(|error| SendError::for_now(words(&error)))
    }

    fn signature(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose_secret()).expect("a key of any length is taken");
        mac.update(format!("{id}.{}.", at.as_second()).as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
    }
}

/// What went wrong in one line without the address.
fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("it did not answer within {} s", ANSWER_LIMIT.as_secs());
    }
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let what = if error.is_connect() { "it could not be reached" } else { "the connection broke off" };
    let cause = tls::words(error).unwrap_or_else(|| last.to_string());
    inert::sentence(&format!("{what}: {cause}").chars().take(200).collect::<String>())
}

#[cfg(test)]
mod tests;
