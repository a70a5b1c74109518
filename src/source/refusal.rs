//! What an error body says, in the two envelopes of Atlassian's APIs and in plain text. Bodies are judged, never quoted.

use std::time::Duration;

use serde::Deserialize;

use super::{FetchError, Outage, Refusal};

/// Scopes of one 403 that are repeated; a real one names one to three.
const MAX_SCOPES: usize = 20;
/// How the size of a page is called, in parameters and in words.
const PAGE_SIZE: [&str; 4] = ["limit", "page size", "pagesize", "pagelen"];
/// The longest scope known has 27 characters.
const MAX_SCOPE_CHARS: usize = 64;

/// Turns a refused request into an error. `told` is the wait that the headers ask for.
pub(super) fn refusal(at: &str, status: u16, body: &str, sent_cursor: bool, told: Duration) -> FetchError {
    let at = at.to_owned();
    let said = body.to_ascii_lowercase();
    match status {
        401 => FetchError::Unauthorized { at, why: why_unauthorized(&said) },
        403 if said.contains("rate limit") => FetchError::RateLimited { at, wait: told },
        403 if said.contains("no bitbucket scopes") => FetchError::Unauthorized { at, why: Refusal::NoScopes },
        // One client has seen the missing scope under 400.
        403 | 400 if status == 403 || said.contains("required privilege scopes") => {
            let (required, granted) = scopes(body);
            FetchError::Forbidden { at, required, granted }
        }
        429 => FetchError::RateLimited { at, wait: told },
        // Nothing documents the status of a cursor that has expired.
        402..=499 if sent_cursor && said.contains("cursor") => FetchError::CursorRefused { at },
        404 => FetchError::NotFound { at },
        410 => FetchError::Gone { at, change: change(body) },
        408 | 425 | 500.. => FetchError::Unavailable { at, cause: Outage::Status(status) },
        400 if PAGE_SIZE.iter().any(|name| said.contains(name)) => FetchError::PageSizeRefused { at },
        400 if sent_cursor => FetchError::CursorRefused { at },
        _ => FetchError::Refused { at, status },
    }
}

fn why_unauthorized(said: &str) -> Refusal {
    const SIGNS: [(&str, Refusal); 7] = [
        ("atlassian registered email", Refusal::WantsEmail),
        ("no bitbucket scopes", Refusal::NoScopes),
        ("scope does not match", Refusal::OtherProduct),
        ("app passwords are deprecated", Refusal::AppPassword),
        ("change-3222", Refusal::AppPassword),
        ("not supported for this endpoint", Refusal::OtherKind),
        ("stopped supporting account passwords", Refusal::AccountPassword),
    ];
    SIGNS.into_iter().find(|(sign, _)| said.contains(sign)).map_or(Refusal::Invalid, |(_, why)| why)
}

/// `CHANGE-` and its number, wherever the body has it.
fn change(body: &str) -> Option<String> {
    let number: String = body.split_once("CHANGE-")?.1.chars().take_while(char::is_ascii_digit).take(8).collect();
    (!number.is_empty()).then(|| format!("CHANGE-{number}"))
}

/// The scopes that a 403 says are required and granted.
fn scopes(body: &str) -> (Vec<String>, Vec<String>) {
    let Ok(envelope) = serde_json::from_str::<Envelope>(body) else { return Default::default() };
    let Detail::Scopes { required, granted } = envelope.error.detail else { return Default::default() };
    (plain(required), plain(granted))
}

/// Only words that look like scopes are repeated.
fn plain(names: Vec<String>) -> Vec<String> {
    let is_scope =
        |name: &String| name.len() <= MAX_SCOPE_CHARS && name.bytes().all(|b| b.is_ascii_alphanumeric() || b":-_.".contains(&b));
    names.into_iter().filter(is_scope).take(MAX_SCOPES).collect()
}

#[derive(Deserialize)]
struct Envelope {
    error: Inner,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    detail: Detail,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Detail {
    Scopes {
        #[serde(default)]
        required: Vec<String>,
        #[serde(default)]
        granted: Vec<String>,
    },
    #[default]
    Nothing,
    Other(serde::de::IgnoredAny),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> FetchError {
        refusal("api.bitbucket.org/2.0/workspaces/acme/members", status, body, false, Duration::ZERO)
    }

    fn bitbucket(message: &str) -> String {
        format!(r#"{{"type": "error", "error": {{"message": "{message}"}}}}"#)
    }

    const MISSING_SCOPE: &str = include_str!("../../tests/data/access/forbidden/missing_scope.json");

    #[test]
    fn a_missing_scope_is_named_in_plain_words() {
        for status in [403, 400] {
            let error = refused(status, MISSING_SCOPE);
            assert_eq!(
                error.to_string(),
                "api.bitbucket.org/2.0/workspaces/acme/members is forbidden to our credential (403): \
                 grant the scope read:workspace:bitbucket (it has read:repository:bitbucket)"
            );
            assert!(error.is_ours() && !error.is_transient());
        }
    }

    #[test]
    fn a_403_without_scopes_still_says_what_to_look_at() {
        for body in ["", "Forbidden", &bitbucket("Forbidden"), r#"{"error": {"message": "no", "detail": "You are no admin"}}"#] {
            let error = refused(403, body);
            assert!(error.to_string().contains("lacks a scope or a role") && error.is_ours(), "{error}");
        }
        let unscoped = refused(403, &bitbucket("API Token provided has no Bitbucket scopes"));
        assert!(matches!(unscoped, FetchError::Unauthorized { why: Refusal::NoScopes, .. }), "{unscoped}");
    }

    #[test]
    fn every_form_of_a_rate_limit_is_waited_for() {
        let limit = "Rate limit for this resource has been exceeded";
        for (status, body) in
            [(429, limit), (429, &bitbucket(limit)), (429, ""), (403, r#"{"error":{"message":"API rate limit exceeded"}}"#)]
        {
            let error = refused(status, body);
            assert!(matches!(error, FetchError::RateLimited { .. }) && error.is_transient(), "{status} {body}: {error}");
        }
    }

    #[test]
    fn every_form_of_401_says_what_to_do() {
        let removed = r#"{"type": "error", "error": {"message": "CHANGE-3222 - Functionality has been deprecated"}}"#;
        for (body, words) in [
            ("", "expired, revoked or wrong"),
            ("Login failed due to incorrect login credentials or method.", "expired, revoked or wrong"),
            (&bitbucket("Token is invalid, expired, or not supported for this endpoint."), "stands in auth as access_token"),
            (&bitbucket("API token must be used with an atlassian registered email"), "the e-mail address of its account"),
            (&bitbucket("API Token provided has no Bitbucket scopes"), "create one with scopes for Bitbucket"),
            ("Unauthorized; scope does not match", "another Atlassian product"),
            (&bitbucket("App passwords are deprecated and must be replaced with API tokens."), "it is an app password"),
            (removed, "it is an app password"),
            (
                "Bitbucket Cloud recently stopped supporting account passwords for API authentication. See our community post \
                 for more details: https://atlassian.community/t5/x/x/ba-p/1948231 App passwords are recommended",
                "it is an account password",
            ),
        ] {
            let error = refused(401, body);
            assert!(error.to_string().contains(words) && error.is_ours() && !error.is_transient(), "{error}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_told_from_what_is_wrong_with_us() {
        for body in [
            "",
            &bitbucket("No workspace with identifier 'acme'."),
            &bitbucket(
                "You may not have access to this repository or it no longer exists in this workspace. If you think this \
                 repository exists and you have access, make sure you are authenticated.",
            ),
        ] {
            let error = refused(404, body);
            assert!(error.to_string().contains("check the name") && !error.is_ours() && !error.is_transient(), "{error}");
        }
    }

    #[test]
    fn a_removed_endpoint_is_told_from_a_workspace_marked_as_spam() {
        let removed = refused(410, include_str!("../../tests/data/access/gone/removed_endpoint.json"));
        assert_eq!(
            removed,
            FetchError::Gone { at: "api.bitbucket.org/2.0/workspaces/acme/members".into(), change: Some("CHANGE-2770".into()) }
        );
        for body in ["", &bitbucket("Account is marked as spam.")] {
            let spam = refused(410, body);
            assert!(spam.to_string().contains("spam") && !spam.is_ours(), "{spam}");
        }
    }

    #[test]
    fn a_400_is_the_cursor_only_when_one_was_sent() {
        let body = include_str!("../../tests/data/audit/errors/cursor_refused.json");
        let at = |sent| refusal("api", 400, body, sent, Duration::ZERO);
        assert_eq!(at(true), FetchError::CursorRefused { at: "api".into() });
        assert_eq!(at(false), FetchError::Refused { at: "api".into(), status: 400 });
    }

    #[test]
    fn another_status_is_of_the_cursor_where_the_body_says_so() {
        let body = include_str!("../../tests/data/audit/errors/cursor_refused.json");
        for status in [404, 409, 410, 412, 422] {
            let at = |body, sent| refusal("api", status, body, sent, Duration::ZERO);
            let cursor = FetchError::CursorRefused { at: "api".into() };
            assert_eq!(at(body, true), cursor, "{status}");
            assert_ne!(at(body, false), cursor, "{status}");
            assert_ne!(at("", true), cursor, "{status}");
        }
        for status in [401, 403, 429, 500] {
            let error = refusal("api", status, body, true, Duration::ZERO);
            assert!(!matches!(error, FetchError::CursorRefused { .. }), "{status}: {error:?}");
        }
    }

    #[test]
    fn a_400_that_speaks_of_the_size_of_a_page_is_of_that() {
        for words in ["limit must be at most 200", "Invalid page or pagelen", "pageSize is too large"] {
            let size = refusal("api", 400, words, true, Duration::ZERO);
            assert_eq!(size, FetchError::PageSizeRefused { at: "api".into() }, "{words}");
        }
    }
}
