//! Which workspace and repository a request went to, through which door, and what it did there.

use super::{Operation, vocabulary::spelled};

spelled!(
    /// Which of Bitbucket's doors was used.
    Surface { Git = "git", Rest = "rest", Ssh = "ssh", Other = "other" }
);

/// What host, method and path say of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    pub surface: Surface,
    pub workspace: Option<&'a str>,
    pub repository: Option<&'a str>,
    pub operation: Operation,
    /// The path is one that git asks for (smart or dumb HTTP, LFS).
    pub git_path: bool,
}

const GIT_HOST: &str = "bitbucket.org";
const REST_HOST: &str = "api.bitbucket.org";
const SSH_HOSTS: [&str; 2] = ["ssh.bitbucket.org", "altssh.bitbucket.org"];
/// The hosts of Bitbucket Cloud.
pub const HOSTS: [&str; 4] = [GIT_HOST, REST_HOST, SSH_HOSTS[0], SSH_HOSTS[1]];

/// First segments of bitbucket.org paths that are pages of the site, not workspaces.
pub const SITE_PAGES: [&str; 14] = [
    "!api",
    "!static",
    "account",
    "api",
    "blog",
    "dashboard",
    "favicon.ico",
    "gateway",
    "product",
    "repo",
    "robots.txt",
    "site",
    "socialauth",
    "user",
];

/// Before the resource of a REST path; on the git host they lead to the same API.
const REST_ROOTS: [&str; 3] = ["2.0/", "api/2.0/", "!api/2.0/"];

/// Whether a host, with or without port, is one that credentials for Bitbucket Cloud are sent to.
pub fn is_bitbucket_host(host: &str) -> bool {
    surface_of(host) != Surface::Other
}

fn surface_of(host: &str) -> Surface {
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    // A name that is written out to the root is the same host.
    let name = name.strip_suffix('.').unwrap_or(name);
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if SSH_HOSTS.into_iter().any(is) || is(GIT_HOST) && port == "22" {
        Surface::Ssh
    } else if is(GIT_HOST) {
        Surface::Git
    } else if is(REST_HOST) {
        Surface::Rest
    } else {
        Surface::Other
    }
}

/// Derives the place. Without a host the path decides; `scheme` matters only where it is `ssh`.
pub fn place<'a>(scheme: Option<&str>, host: Option<&str>, method: Option<&str>, path: Option<&'a str>) -> Place<'a> {
    let path = path.unwrap_or("");
    let by_host = host.map(surface_of);
    if scheme == Some("ssh") || by_host == Some(Surface::Ssh) {
        return ssh(path);
    }
    let rest = REST_ROOTS.iter().find_map(|root| path.trim_start_matches('/').strip_prefix(root));
    match (by_host, rest) {
        (Some(Surface::Rest), _) => rest_place(method, rest.unwrap_or(path.trim_start_matches('/'))),
        (Some(Surface::Git) | None, Some(rest)) => rest_place(method, rest),
        (Some(Surface::Git), None) => git_place(method, path),
        (None, None) => {
            let found = git_place(method, path);
            if found.git_path { found } else { unknown_host(method, path) }
        }
        _ => nowhere(Surface::Other),
    }
}

/// Without a host and without a version only the names of REST collections tell.
fn unknown_host<'a>(method: Option<&str>, path: &'a str) -> Place<'a> {
    let path = path.trim_start_matches('/');
    if path.starts_with("repositories/") { rest_place(method, path) } else { nowhere(Surface::Other) }
}

fn nowhere(surface: Surface) -> Place<'static> {
    Place { surface, workspace: None, repository: None, operation: Operation::Other, git_path: false }
}

/// `git-upload-pack 'acme/r.git'` names the repository; most logs of SSH know nothing of it.
fn ssh(path: &str) -> Place<'_> {
    let command = path.trim_start_matches('/');
    let (operation, argument) = match command.split_once(' ') {
        Some(("git-receive-pack", argument)) => (Operation::GitWrite, argument),
        Some(("git-upload-pack" | "git-upload-archive", argument)) => (Operation::GitRead, argument),
        _ => (Operation::Other, command),
    };
    let mut segments = argument.trim_matches(['\'', '"']).trim_start_matches('/').split('/');
    Place { workspace: named(segments.next()), repository: slug(segments.next()), operation, ..nowhere(Surface::Ssh) }
}

fn rest_place<'a>(method: Option<&str>, resource: &'a str) -> Place<'a> {
    let mut segments = resource.split('?').next().unwrap_or_default().split('/');
    let collection = segments.next();
    let workspace = match collection {
        Some("repositories" | "workspaces" | "snippets" | "teams") => named(segments.next()),
        // What the credential itself may do there.
        Some("user") if segments.next() == Some("workspaces") => named(segments.next()),
        _ => None,
    };
    let repository = if collection == Some("repositories") { slug(segments.next()) } else { None };
    let operation = match method {
        Some("GET" | "HEAD" | "OPTIONS") => Operation::ApiRead,
        Some("POST" | "PUT" | "PATCH" | "DELETE") => Operation::ApiWrite,
        _ => Operation::Other,
    };
    Place { surface: Surface::Rest, workspace, repository, operation, git_path: false }
}

fn git_place<'a>(method: Option<&str>, path: &'a str) -> Place<'a> {
    let mut parts = path.trim_start_matches('/').splitn(3, '/');
    let workspace = named(parts.next()).filter(|first| !SITE_PAGES.contains(first));
    let repository = workspace.and_then(|_| slug(parts.next()));
    let operation = repository.and_then(|_| parts.next()).and_then(|tail| git_operation(method, tail));
    Place {
        surface: Surface::Git,
        workspace,
        repository,
        operation: operation.unwrap_or(Operation::Other),
        git_path: operation.is_some(),
    }
}

/// What git does with a path below the repository; none if git does not ask for it.
fn git_operation(method: Option<&str>, tail: &str) -> Option<Operation> {
    let (tail, query) = tail.split_once('?').unwrap_or((tail, ""));
    match tail {
        "git-receive-pack" => Some(Operation::GitWrite),
        "info/refs" if query.split('&').any(|pair| pair == "service=git-receive-pack") => Some(Operation::GitWrite),
        "git-upload-pack" | "git-upload-archive" | "info/refs" | "HEAD" => Some(Operation::GitRead),
        _ if tail.starts_with("objects/") => Some(Operation::GitRead),
        // A batch request asks for uploads and downloads alike; only locks and transfers tell.
        _ if tail.starts_with("info/lfs") => {
            let writes = method == Some("PUT") || method == Some("POST") && tail.contains("/locks") && !tail.ends_with("/verify");
            Some(if writes { Operation::GitWrite } else { Operation::GitRead })
        }
        _ => None,
    }
}

fn named(segment: Option<&str>) -> Option<&str> {
    segment.filter(|name| !name.is_empty())
}

/// A repository's slug: without `.git`.
pub fn slug(segment: Option<&str>) -> Option<&str> {
    named(segment.map(|name| name.strip_suffix(".git").unwrap_or(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_bitbucket_are_known_with_and_without_port() {
        for host in [
            "bitbucket.org",
            "BitBucket.ORG:443",
            "api.bitbucket.org",
            "ssh.bitbucket.org",
            "altssh.bitbucket.org:443",
            "bitbucket.org.",
            "bitbucket.org.:443",
        ] {
            assert!(is_bitbucket_host(host), "{host}");
        }
        for host in ["", "bitbucket.example.test", "bitbucket.org.example.test", "notbitbucket.org", "github.com"] {
            assert!(!is_bitbucket_host(host), "{host}");
        }
    }

    #[test]
    fn paths_say_where_and_what() {
        use Operation::{ApiRead, ApiWrite, GitRead, GitWrite, Other};
        use Surface::{Git, Rest, Ssh};
        let git = Some("bitbucket.org");
        let api = Some("api.bitbucket.org");
        for (host, method, path, surface, place_of, operation, git_path) in [
            (git, "GET", "/acme/pay.git/info/refs?service=git-upload-pack", Git, "acme/pay", GitRead, true),
            (git, "GET", "/acme/pay.git/info/refs?service=git-receive-pack", Git, "acme/pay", GitWrite, true),
            (git, "GET", "/acme/pay.git/info/refs?x=1&service=git-receive-pack", Git, "acme/pay", GitWrite, true),
            (git, "POST", "/acme/pay/git-upload-pack", Git, "acme/pay", GitRead, true),
            (git, "POST", "/acme/pay.git/git-receive-pack", Git, "acme/pay", GitWrite, true),
            (git, "POST", "/acme/pay.git/info/lfs/objects/batch", Git, "acme/pay", GitRead, true),
            (git, "POST", "/acme/pay.git/info/lfs/locks", Git, "acme/pay", GitWrite, true),
            (git, "GET", "/acme/pay/src/main/README.md", Git, "acme/pay", Other, false),
            (git, "GET", "/account/settings/", Git, "/", Other, false),
            (git, "GET", "/!api/2.0/repositories/acme/pay", Rest, "acme/pay", ApiRead, false),
            (api, "GET", "/2.0/repositories/acme/pay/pullrequests", Rest, "acme/pay", ApiRead, false),
            (api, "POST", "/repositories/acme/pay/commit/1/statuses/build", Rest, "acme/pay", ApiWrite, false),
            (api, "GET", "/2.0/workspaces/acme/members", Rest, "acme/", ApiRead, false),
            (api, "GET", "/2.0/user", Rest, "/", ApiRead, false),
            (api, "GET", "/2.0/user/workspaces", Rest, "/", ApiRead, false),
            (api, "GET", "/2.0/user/workspaces?pagelen=100", Rest, "/", ApiRead, false),
            (api, "GET", "/2.0/user/workspaces/acme/permission", Rest, "acme/", ApiRead, false),
            (api, "GET", "/2.0/user/workspaces/acme/permissions/repositories", Rest, "acme/", ApiRead, false),
            (api, "GET", "2.0/repositories/acme/pay", Rest, "acme/pay", ApiRead, false),
            (api, "", "/2.0/repositories/acme", Rest, "acme/", Other, false),
            (None, "GET", "/acme/pay.git/info/refs", Git, "acme/pay", GitRead, true),
            (None, "GET", "/2.0/repositories/acme/pay", Rest, "acme/pay", ApiRead, false),
            (None, "GET", "/acme/pay", Surface::Other, "/", Other, false),
            (Some("bitbucket.org:22"), "", "git-receive-pack 'acme/pay.git'", Ssh, "acme/pay", GitWrite, false),
            (Some("altssh.bitbucket.org:443"), "", "", Ssh, "/", Other, false),
        ] {
            let found = place(None, host, Some(method).filter(|m| !m.is_empty()), Some(path));
            let names = format!("{}/{}", found.workspace.unwrap_or(""), found.repository.unwrap_or(""));
            assert_eq!(
                (found.surface, names.as_str(), found.operation, found.git_path),
                (surface, place_of, operation, git_path),
                "{path}"
            );
        }
        assert_eq!(place(Some("ssh"), git, None, None).surface, Ssh);
    }
}
