//! The refusals that have been seen in the wild, each with the body that it really had. Where the whole body is not known,
//! nothing is added to the known part.

/// A refusal and its body.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub name: &'static str,
    pub status: u16,
    pub(super) kind: &'static str,
    pub(super) body: &'static str,
    pub(super) about: &'static str,
}

const fn json(name: &'static str, status: u16, body: &'static str, about: &'static str) -> Refusal {
    Refusal { name, status, kind: "application/json", body, about }
}

const fn text(name: &'static str, status: u16, body: &'static str, about: &'static str) -> Refusal {
    Refusal { name, status, kind: "text/plain; charset=utf-8", body, about }
}

pub(super) static REFUSALS: [Refusal; 23] = [
    json(
        "token-invalid",
        401,
        r#"{"type":"error","error":{"message":"Token is invalid, expired, or not supported for this endpoint."}}"#,
        "a bad, expired or wrongly sent token",
    ),
    json(
        "token-wants-email",
        401,
        r#"{"type":"error","error":{"message":"API token must be used with an atlassian registered email"}}"#,
        "an API token with a username that is no e-mail",
    ),
    json(
        "token-without-scopes",
        401,
        r#"{"type":"error","error":{"message":"API Token provided has no Bitbucket scopes"}}"#,
        "a classic API token",
    ),
    text("scope-mismatch", 401, "Unauthorized; scope does not match", "a token made for another product"),
    json(
        "app-password",
        401,
        r#"{"type":"error","error":{"message":"App passwords are deprecated and must be replaced with API tokens."}}"#,
        "an app password, in a window or after the removal",
    ),
    json(
        "app-password-change",
        401,
        r#"{"type":"error","error":{"message":"CHANGE-3222 - Functionality has been deprecated","detail":"App passwords are deprecated and must be replaced with API tokens.","data":{"announcement_url":"https://developer.atlassian.com/cloud/bitbucket/changelog#CHANGE-3222"}},"data":{"announcement_url":"https://developer.atlassian.com/cloud/bitbucket/changelog#CHANGE-3222"}}"#,
        "the same in the envelope of removed functions",
    ),
    text("login-failed", 401, "Login failed due to incorrect login credentials or method.", "bad basic credentials"),
    text("unauthorized-empty", 401, "", "any refused basic authentication, without a body"),
    text(
        "account-password",
        401,
        "Bitbucket Cloud recently stopped supporting account passwords for API authentication. See our community post for \
         more details: https://atlassian.community/t5/x/x/ba-p/1948231 App passwords are recommended",
        "an account password",
    ),
    json(
        "key-invalid",
        401,
        r#"{"errors":[{"id":"sim-1","status":"401","code":"UNAUTHORIZED","title":"Unauthorized","detail":"Unauthorized"}]}"#,
        "an organisation key that is expired, revoked or wrong",
    ),
    json(
        "scope-missing",
        403,
        r#"{"type":"error","error":{"message":"Your credentials lack one or more required privilege scopes.","detail":{"granted":["repository"],"required":["account"]}}}"#,
        "a credential without the scope, which is named",
    ),
    json("forbidden", 403, r#"{"type": "error", "error": {"message": "Forbidden"}}"#, "no right, and no word why"),
    json("rate-limit-as-403", 403, r#"{"error":{"message":"API rate limit exceeded"}}"#, "a rate limit under another status"),
    json(
        "token-without-scopes-403",
        403,
        r#"{"type":"error","error":{"message":"API Token provided has no Bitbucket scopes"}}"#,
        "a classic API token, under another status",
    ),
    json(
        "not-an-administrator",
        403,
        r#"{"errors":[{"id":"sim-1","status":"403","code":"FORBIDDEN","title":"Forbidden","detail":"Forbidden"}]}"#,
        "a key whose owner does not administer the organisation",
    ),
    text("forbidden-empty", 403, "", "no right, without a body"),
    json(
        "repository-hidden",
        404,
        r#"{"type":"error","error":{"message":"You may not have access to this repository or it no longer exists in this workspace. If you think this repository exists and you have access, make sure you are authenticated."}}"#,
        "a repository that is missing or not visible",
    ),
    json(
        "workspace-unknown",
        404,
        r#"{"type":"error","error":{"message":"No workspace with identifier 'acme'."}}"#,
        "a workspace that is missing or not visible",
    ),
    text("not-found-empty", 404, "", "nothing there, without a body"),
    json(
        "change-2770",
        410,
        r#"{"type":"error","error":{"message":"CHANGE-2770 - Functionality has been deprecated","detail":"Please read the changelog entry for more details.","data":{"announcement_url":"https://developer.atlassian.com/cloud/bitbucket/changelog#CHANGE-2770"}},"data":{"announcement_url":"https://developer.atlassian.com/cloud/bitbucket/changelog#CHANGE-2770"}}"#,
        "an endpoint that was removed",
    ),
    text("marked-as-spam", 410, "", "a workspace that is marked as spam"),
    text(
        "too-many-requests-text",
        429,
        "Rate limit for this resource has been exceeded",
        "a rate limit in plain text, no header",
    ),
    text("too-many-requests-empty", 429, "", "a rate limit with neither body nor header"),
];
