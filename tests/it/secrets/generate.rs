//! Secrets of every kind, and every place where careless machines have been seen to write them.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use fastrand::Rng;

/// A secret as it is presented, and the part of it that must never be found: what follows a prefix that may be kept.
pub struct Secret {
    pub text: String,
    pub core: String,
    /// Whether its look alone gives it away; otherwise only the place can.
    pub telling: bool,
}

fn random(rng: &mut Rng, length: usize) -> String {
    (0..length).map(|_| rng.alphanumeric()).collect()
}

fn prefixed(prefix: &str, core: String, end: &str) -> Secret {
    Secret { text: format!("{prefix}{core}{end}"), core, telling: true }
}

/// One secret of each kind.
pub fn of_every_kind(rng: &mut Rng) -> Vec<Secret> {
    let jwt_part = |rng: &mut Rng| BASE64URL_NOPAD.encode(random(rng, 60).as_bytes());
    let odd: String = (0..3).map(|_| ":/@?#%&=;+!$,~*(".as_bytes()[rng.usize(..16)] as char).collect();
    let (old, opaque, core) = (random(rng, 20), random(rng, 43), random(rng, 12));
    vec![
        prefixed("ATBB", random(rng, 32), ""),
        prefixed("ATATT3xFfGF0", random(rng, 168), "=8F0A11C3"),
        prefixed("ATCTT3xFfGN0", random(rng, 180), "=11C38F0A"),
        prefixed("eyJhbGciOiJIUzI1NiJ9.eyJ", format!("{}.{}", jwt_part(rng), jwt_part(rng)), ""),
        Secret { text: old.clone(), core: old, telling: false },
        Secret { text: opaque.clone(), core: opaque, telling: false },
        Secret { text: format!("p{odd}{core}"), core, telling: false },
    ]
}

/// Values of an `Authorization` header, well formed and not.
pub fn headers(secret: &str) -> Vec<String> {
    let pair = format!("mtessel:{secret}");
    vec![
        format!("Basic {}", BASE64.encode(pair.as_bytes())),
        format!("basic {}", BASE64URL_NOPAD.encode(pair.as_bytes())),
        format!("Basic {pair}"),
        format!("Basic !{secret}"),
        format!("Bearer {secret}"),
        format!("JWT {secret}"),
        format!("Token {secret}"),
        format!("Authorization: Bearer {secret}"),
        format!("Wonder {secret}"),
        secret.to_owned(),
    ]
}

/// Texts that say that a secret follows.
pub fn announced(secret: &str) -> Vec<String> {
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let basic = BASE64.encode(format!("mtessel:{secret}").as_bytes());
    vec![
        format!("fatal: unable to access 'https://mtessel:{encoded}@bitbucket.org/acme/r.git/': 410"),
        format!("remote https://x-token-auth:{secret}@bitbucket.org/acme/r.git refused"),
        format!("https://api.bitbucket.org/2.0/user?access_token={encoded}&page=2"),
        format!("redirected to https://acme.example.test/done#access_token={encoded}"),
        format!("machine bitbucket.org login mtessel password {secret}"),
        format!("machine bitbucket.org\n  login mtessel\n  password {secret}\n"),
        format!("> Authorization: Basic {basic}"),
        format!("sent Basic {basic} to it"),
        format!("BITBUCKET_APP_PASSWORD={secret}"),
        format!("export BITBUCKET_TOKEN='{secret}'"),
        format!("password: {secret}"),
        format!(r#"{{"password":"{secret}","n":1}}"#),
        format!(r#"body {{\"api_key\": \"{secret}\"}}"#),
        format!("curl -u mtessel:{secret} https://api.bitbucket.org/2.0/user"),
        format!("curl --user 'mtessel:{secret}' https://api.bitbucket.org/2.0/user"),
        format!("Set-Cookie: cloud.session.token={secret}; Path=/"),
        format!("X-Api-Key: {secret}"),
        format!("mtessel:{secret}@bitbucket.org"),
    ]
    .into_iter()
    .chain(by_tools(secret, &basic))
    .collect()
}

/// The same as certain shells, clients and formats write it.
fn by_tools(secret: &str, basic: &str) -> Vec<String> {
    let address = format!("https://mtessel:{secret}@bitbucket.org/acme/r.git");
    let escaped: String = url::form_urlencoded::byte_serialize(address.as_bytes()).collect();
    vec![
        format!("curl -umtessel:{secret} https://api.bitbucket.org/2.0/user"),
        format!("curl -sum.tessel:{secret} https://api.bitbucket.org/2.0/user"),
        format!("curl -su mtessel:{secret} https://api.bitbucket.org/2.0/user"),
        format!("K8S_PASSWORD={secret}"),
        format!("oauth2_token={secret}"),
        format!("S3_SECRET={secret}"),
        format!("PASSWORD_1={secret}"),
        format!("BITBUCKET_TOKEN_MIRROR={secret}"),
        format!("DB_PASS={secret}"),
        format!("git-mirror --password {secret} --retry"),
        format!("git-mirror --password={secret} --retry"),
        format!(r#"["git-mirror", "--api-key", "{secret}"]"#),
        format!("docker login -u mtessel -p {secret} registry.example.test"),
        format!("docker run -e BITBUCKET_TOKEN={secret} mirror"),
        format!("ENV BITBUCKET_TOKEN {secret}"),
        format!("git config --global bitbucket.token {secret}"),
        format!("machine bitbucket.org password {secret} login mtessel"),
        format!("<password>{secret}</password>"),
        format!("refused with password '{secret}'"),
        format!(r#""password": "{secret}""#),
        format!(r#"{{"name": "BITBUCKET_TOKEN", "value": "{secret}"}}"#),
        format!("[password] => {secret}"),
        format!("https://mtessel:hun'{secret}@bitbucket.org/acme/r.git"),
        format!("https://mtessel:/{secret}@bitbucket.org/acme/r.git"),
        format!("redirected to {escaped}"),
        escaped.replace('%', "%25"),
        format!("> Authorization: Basic\n {basic}"),
        format!(r#"{{"AUTHORIZATION":["Basic {basic}"]}}"#),
        format!(r#"git -c http.extraHeader="AUTHORIZATION: Basic {basic}" fetch"#),
        format!(r#"$env:BITBUCKET_TOKEN = "{secret}""#),
        format!("$it = ConvertTo-SecureString '{secret}' -AsPlainText -Force"),
        format!(r#"declare -x BITBUCKET_TOKEN="{secret}""#),
    ]
}

/// Texts in which a secret stands for no reason.
pub fn unannounced(secret: &str) -> Vec<String> {
    vec![
        secret.to_owned(),
        format!("git/2.45.1 ({secret})"),
        format!("/acme/{secret}/info/refs"),
        format!("nightly {secret} mirror"),
        format!("{secret}@example.test"),
        format!("[{secret}]"),
        format!("x={secret};y"),
    ]
}
