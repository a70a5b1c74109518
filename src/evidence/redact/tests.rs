use super::*;

fn presented(scheme: &'static str, username: &str, prefix: Option<&'static str>) -> Presented {
    Presented {
        scheme: (!scheme.is_empty()).then_some(scheme),
        username: (!username.is_empty()).then(|| username.to_owned()),
        secret_prefix: prefix,
    }
}

fn base64(text: &str) -> String {
    data_encoding::BASE64.encode(text.as_bytes())
}

#[test]
fn a_header_is_reduced_to_scheme_username_and_prefix() {
    for (header, expected) in [
        (format!("Basic {}", base64("mtessel:ATBBabcdefgh12345678")), presented("basic", "mtessel", Some("ATBB"))),
        (format!("basic {}", base64("Mira.T@example.test:hun:ter2")), presented("basic", "Mira.T@example.test", None)),
        (
            format!("Authorization: Basic {}", base64("x-token-auth:ATCTT3xFfGN0")),
            presented("basic", "x-token-auth", Some("ATCT")),
        ),
        (format!("Basic {}", base64("ATATT3xFfGF0abcdefgh:")), presented("basic", "", Some("ATAT"))),
        ("Basic mtessel:hunter2".to_owned(), presented("basic", "mtessel", None)),
        ("Basic !!not-base64!!".to_owned(), presented("basic", "", None)),
        ("Bearer ATCTT3xFfGN0secret".to_owned(), presented("bearer", "", Some("ATCT"))),
        ("BEARER opaque".to_owned(), presented("bearer", "", None)),
        ("hunter2".to_owned(), Presented::default()),
        ("ATBBhunter2hunter2".to_owned(), presented("", "", Some("ATBB"))),
        (String::new(), Presented::default()),
    ] {
        assert_eq!(authorization(&header), expected, "{header}");
    }
}

#[test]
fn a_username_that_holds_a_secret_is_reduced() {
    for (given, kept) in [
        ("mtessel", Some("mtessel")),
        ("mtessel:hunter2", Some("mtessel")),
        ("mtessel%3Ahunter2", Some("mtessel")),
        ("{8f9a3c51-77aa-4bce-9c11-3b5f9a2d1e00}", Some("{8f9a3c51-77aa-4bce-9c11-3b5f9a2d1e00}")),
        ("a.very.long.address@payments.example.test", Some("a.very.long.address@payments.example.test")),
        ("x-bitbucket-api-token-auth", Some("x-bitbucket-api-token-auth")),
        ("ATATurk", Some("ATATurk")),
        ("ATBBabcdefgh12345678", None),
        ("kq8Zr2Lm9Xw4Tb7Yc1Vd", None),
        ("x=ATBBabcdefgh12345678;y", None),
        ("kq8Zr2Lm9Xw4Tb7Yc1Vd@example.test", None),
        ("export BITBUCKET_TOKEN='hunter2'", None),
        ("machine bitbucket.org login mtessel password hunter2", None),
        ("ACME\\mtessel", Some("ACME\\mtessel")),
        ("Mira Tessel", Some("Mira Tessel")),
        ("-", None),
        (":", None),
    ] {
        assert_eq!(username(given).as_deref(), kept, "{given}");
    }
}

#[test]
fn secrets_in_free_text_are_gone_and_the_rest_stays() {
    for (given, kept) in [
        (
            "fatal: unable to access 'https://mtessel:hunter2@bitbucket.org/acme/r.git/': 410",
            "fatal: unable to access 'https://mtessel@bitbucket.org/acme/r.git/': 410",
        ),
        ("clone https://mtessel:hun/t@r2@bitbucket.org/acme/r.git", "clone https://mtessel@bitbucket.org/acme/r.git"),
        ("clone https://ATATT3xFfGF0aaaa@bitbucket.org/acme/r", "clone https://bitbucket.org/acme/r"),
        ("GET https://api.bitbucket.org/2.0/user?access_token=hunter2", "GET https://api.bitbucket.org/2.0/user"),
        ("> Authorization: Basic bXRlc3NlbDpodW50ZXIy", "> Authorization: …"),
        (r#"{"authorization":"Bearer hunter2","x":1"#, r#"{"authorization: …"#),
        ("sent Basic bXRlc3NlbDpodW50ZXIy to it", "sent Basic … to it"),
        ("password=hunter2 retry=3", "password=… retry=3"),
        ("password\u{a0}=\u{a0}hunter2 retry=3", "password=… retry=3"),
        ("--password\u{2003}hunter2 retry=3", "--password\u{2003}… retry=3"),
        ("sent Basic\u{a0}bXRlc3NlbDpodW50ZXIy to it", "sent Basic\u{a0}… to it"),
        ("user=m&pass=hunter2&x=1", "user=m&pass=…"),
        ("mysql -phunter2 acme", "mysql -p… acme"),
        ("docker login -p hunter2 x", "docker login -p … x"),
        ("pass: hunter2 retry=3", "pass=… retry=3"),
        ("bypass: all, compass=north", "bypass: all, compass=north"),
        ("BITBUCKET_TOKEN: hunter2", "BITBUCKET_TOKEN=…"),
        ("curl -u mtessel:hunter2 https://x", "curl -u mtessel:… https://x"),
        ("curl -u 'mtessel:hun ter/2' https://x", "curl -u 'mtessel:…' https://x"),
        ("mtessel:hunter2@bitbucket.org", "mtessel@bitbucket.org"),
        ("password=hun&ter;2 retry=3", "password=… retry=3"),
        (r#"{\"password\":\"hun ter2\",\"x\":1}"#, r#"{\"password=…",\"x\":1}"#),
        ("machine bitbucket.org login mtessel password hunter2", "machine bitbucket.org login mtessel password …"),
        ("used ATBBabcdefgh12345678 here", "used ATBB… here"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "…"),
        ("key kq8Zr2Lm9Xw4Tb7Yc1Vd.", "key …."),
    ] {
        assert_eq!(scrub(given), kept);
    }
}

#[test]
fn ordinary_text_is_given_back_as_it_came() {
    for text in [
        "remote: CHANGE-3222 - Functionality has been deprecated",
        "remote: App passwords are deprecated and must be replaced with API tokens.",
        "remote: https://developer.atlassian.com/cloud/bitbucket/changelog#CHANGE-3222",
        "remote: API Token provided has no Bitbucket scopes.",
        "git/2.43.0 (vsts-agent-git/3.236.1)",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)",
        "RenovateBot/37.1.0 (https://github.com/renovatebot/renovate)",
        "payments/nightly-build-of-the-2026-release",
        "PaymentsIntegrationNightlyBuild2026",
        "run 0d9f2d5e-3b1a-4c1e-9d1e-6f0c0a7b1111",
        "password reset requested",
        "token expired",
        "token_type bearer, token_id=5, token-label: nightly, tokens: 5",
        "password_reset: requested",
        "forbidden to our credential: grant the scope account",
        "Jenkins/2.440 (token-binding)",
        "author: Ada, authority: acme",
        "passed: 12, failed: 1",
        "BITBUCKET_TOKEN is not set: please set BITBUCKET_TOKEN to a valid token",
        "docker login --password-stdin < token.txt",
        "nightly-auth-tests #4 with secret-scanner (src/auth/token.rs)",
        "at acme.auth.Token (Token.java:42)",
        "usage: git clone <url> [<token>]",
        "git push -u origin main:main",
        "git status -uno",
        "ssh -p 7999 git@bitbucket.org",
        "ssh://git@bitbucket.org:7999/acme/r.git",
        "https://bitbucket.org:443/acme/r.git, 'https://bitbucket.org/acme/r.git','https://bitbucket.org:/acme'",
        r#"{"href":"https://api.bitbucket.org/2.0/user","mail":"mira@example.test"}"#,
        "My%20App/1.0 CFNetwork/1410.0.3 Darwin/22.6.0",
        "nightly%2Fpayments is 100% done",
    ] {
        assert_eq!(scrub(text), text);
    }
}

/// [`suspicious`] as it would be written if it cost nothing.
fn suspicious_in_words(text: &[u8]) -> bool {
    const KEYWORDS: [&str; 25] = [
        "authorization",
        "private-token",
        "cookie",
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "secret",
        "token",
        "key",
        "credential",
        "credentials",
        "auth",
        "basic",
        "bearer",
        "jwt",
        "digest",
        "negotiate",
        "pass",
        "passcode",
        "securestring",
        "_value",
        "-value",
        "_confirmation",
        "-confirmation",
    ];
    let is_run = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte);
    let found = |run: &[u8], part: &[u8]| run.windows(part.len()).any(|at| at == part);
    let is_announced = |run: &[u8]| {
        let number = |c: char| c.is_ascii_digit() || matches!(c, '_' | '-');
        let words = String::from_utf8_lossy(run);
        let words = words.trim_end_matches(number);
        let named = |word: &str| {
            let word = word.trim_end_matches(number).to_ascii_lowercase();
            KEYWORDS.iter().any(|keyword| word.ends_with(keyword))
        };
        named(words) || words.ends_with(|c: char| c.is_ascii_uppercase()) && words.split('_').any(named)
    };
    let mut start = 0;
    let ends = (0..text.len()).filter(|at| !is_run(text[*at])).chain([text.len()]);
    ends.into_iter().any(|end| {
        let run = &text[std::mem::replace(&mut start, end + 1)..end];
        let behind = text.get(end).copied();
        opaque(run)
            || run.starts_with(b"-") && run.to_ascii_lowercase().contains(&b'u')
            || run.to_ascii_lowercase().starts_with(b"-p")
            || [&b"ATBB"[..], b"ATAT", b"ATCT", b"eyJ"].into_iter().any(|part| found(run, part))
            || behind.is_some_and(|sign| b"@?".contains(&sign))
            || behind.is_some_and(|sign| b":=\"'\\<>]\x0b".contains(&sign) || sign.is_ascii_whitespace() || !sign.is_ascii())
                && is_announced(run)
    })
}

#[test]
fn one_look_at_each_byte_finds_what_many_find() {
    const PIECES: [&str; 46] = [
        "X",
        "value",
        "]",
        "password",
        "PASS",
        "SecureString",
        "mtessel",
        "<",
        ">",
        ",",
        "_",
        "-",
        "1",
        "token",
        "Authorization",
        "private-token",
        "PASSWORD",
        "--user",
        "-u",
        "key",
        "keys",
        "credentials",
        "ATBB",
        "ATAT",
        "eyJ",
        "J",
        "T",
        "abc",
        "kq8Zr2Lm9Xw4Tb7Yc1Vd",
        "/",
        ":",
        "=",
        "@",
        "?",
        " ",
        "\"",
        "é",
        "pass",
        "Basic",
        "\u{b}",
        "\u{85}",
        "\u{a0}",
        "\u{2003}",
        "login",
        "-p",
        "mysql",
    ];
    let mut random = fastrand::Rng::with_seed(26);
    let (mut found, tries) = (0, 20_000);
    for _ in 0..tries {
        let text: String = (0..random.usize(0..9)).map(|_| PIECES[random.usize(0..PIECES.len())]).collect();
        assert_eq!(suspicious(text.as_bytes()), suspicious_in_words(text.as_bytes()), "{text}");
        assert!(suspicious(text.as_bytes()) || steps(&text) == text, "no step would change {text}");
        found += usize::from(suspicious(text.as_bytes()));
    }
    assert!(found > tries / 4 && found < tries, "both answers are met: {found}");
}

#[test]
fn random_secrets_of_every_length_are_recognised_by_their_look() {
    let mut random = fastrand::Rng::with_seed(3_222);
    let missed = (0..1_000).filter(|_| {
        let secret: String = (0..random.usize(24..80)).map(|_| random.alphanumeric()).collect();
        scrub(&format!("with {secret} in it")).contains(&secret)
    });
    assert!(missed.count() <= 10);
}

#[test]
fn kept_text_has_a_length_and_no_control_characters() {
    assert_eq!(bounded(Cow::Borrowed("añb"), 2), "a");
    assert_eq!(bounded(Cow::Borrowed("a\u{1b}[31m\u{85}b"), 9), "a [31m b");
    assert_eq!(free_text(Cow::Borrowed(" - "), 9), None);
    assert_eq!(identifier(Cow::Borrowed("5b10ac8d82e05b22cc7d4ef5"), 99).as_deref(), Some("5b10ac8d82e05b22cc7d4ef5"));
    assert_eq!(identifier(Cow::Borrowed("ATBBabcdefgh12345678"), 99), None);
}

/// Every place where a secret was seen that only its place gives away, and what is kept of the text.
const PLACES: &[(&str, &str)] = &[
    ("curl -umtessel:hunter2 https://api.bitbucket.org/2.0/user", "curl -u mtessel:… https://api.bitbucket.org/2.0/user"),
    ("curl -um.tessel:hunter2 https://x", "curl -u m.tessel:… https://x"),
    ("curl -su mtessel:hunter2 https://x", "curl -su mtessel:… https://x"),
    ("curl -x proxy -U mtessel:hunter2 https://x", "curl -x proxy -U mtessel:… https://x"),
    ("curl --proxy-user mtessel:hunter2 https://x", "curl --proxy-user mtessel:… https://x"),
    ("curl -u mtessel:\"hun ter2\" https://x", "curl -u mtessel:… https://x"),
    (r#"sh -c \"curl -u \\"mtessel:hunter2\\" https://x\""#, r#"sh -c \"curl -u "mtessel:…" https://x\""#),
    ("K8S_PASSWORD=hunter2", "K8S_PASSWORD=…"),
    ("oauth2_token=hunter2 x", "oauth2_token=… x"),
    ("S3_SECRET=hunter2 x", "S3_SECRET=… x"),
    ("PASSWORD_1=hunter2 x", "PASSWORD_1=… x"),
    ("password2: hunter2 x", "password2=… x"),
    ("BITBUCKET_TOKEN_MIRROR=hunter2 x", "BITBUCKET_TOKEN_MIRROR=… x"),
    ("AWS_SECRET_ACCESS_KEY=hunter2 x", "AWS_SECRET_ACCESS_KEY=… x"),
    ("DB_PASS=hunter2 x", "DB_PASS=… x"),
    ("auth: {\"user\": \"mtessel\", \"pass\": \"hunter2\"}", "auth=…\": \"mtessel\", \"pass=…\"}"),
    ("password=hun'ter2 x", "password=… x"),
    ("export X_TOKEN='hunter2'", "export X_TOKEN=…'"),
    (r"export X_TOKEN='hun'\''ter2' x", "export X_TOKEN=…' x"),
    ("declare -x X_TOKEN=\"hunter2\"", "declare -x X_TOKEN=…\""),
    ("password => hunter2", "password=…"),
    ("[password] => hunter2", "[password=…"),
    ("{\"password\"=>\"hunter2\"}", "{\"password=…\"}"),
    ("password := \"hunter2\"", "password=…\""),
    ("password: >-\n  hunter2\nnext: 1", "password=…\nnext: 1"),
    ("name: K8S_TOKEN\n  value: hunter2\nnext: 1", "name: K8S_TOKEN=…\nnext: 1"),
    ("{\"key\":\"password\",\"value\":\"hunter2\",\"n\":1}", "{\"key\":\"password=…\",\"n\":1}"),
    ("--password hunter2 --retry", "--password … --retry"),
    ("--password=hunter2 --retry", "--password=… --retry"),
    ("--bitbucket-token 'hunter2' --retry", "--bitbucket-token …' --retry"),
    ("[\"--api-key\", \"hunter2\", \"--retry\"]", "[\"--api-key\", …\", \"--retry\"]"),
    ("docker login -u mtessel -p hunter2 registry", "docker login -u mtessel -p … registry"),
    ("sshpass -phunter2 git push", "sshpass -p… git push"),
    ("docker run -e BITBUCKET_TOKEN=hunter2 image", "docker run -e BITBUCKET_TOKEN=… image"),
    ("ENV K8S_PASSWORD hunter2", "ENV K8S_PASSWORD …"),
    ("git config --global bitbucket.token hunter2", "git config --global bitbucket.token …"),
    ("<password>hunter2</password>", "<password>…</password>"),
    ("<string name=\"password\">hunter2</string>", "<string name=\"password\">…</string>"),
    ("<password><![CDATA[hun<t]er2]]></password>", "<password>…</password>"),
    ("<key>password</key><string>hunter2</string>", "<key>password=…"),
    ("\"password\": \"hunter2\"", "\"password=…\""),
    ("password 'hunter2' x", "password …' x"),
    ("https://mtessel:hun'ter2@bitbucket.org/acme/r.git", "https://mtessel@bitbucket.org/acme/r.git"),
    ("'https://mtessel:hun\"t@er2@bitbucket.org/acme/r.git': 410", "'https://mtessel@bitbucket.org/acme/r.git': 410"),
    ("mtessel:hun'ter2@bitbucket.org", "mtessel@bitbucket.org"),
    ("https://mtessel:/hunter2@bitbucket.org/acme/r.git", "https://mtessel@bitbucket.org/acme/r.git"),
    ("see https%3A%2F%2Fmtessel%3Ahunter2%40bitbucket.org%2Facme", "see https://mtessel@bitbucket.org/acme"),
    ("q=https%253A%252F%252Fmtessel%253Ahunter2%2540bitbucket.org", "q=https://mtessel@bitbucket.org"),
    ("body=password%3Dhunter2", "body=password=…"),
    ("> Authorization: Basic\n bXRlc3NlbDpodW50ZXIy\nnext", "> Authorization: …\nnext"),
    ("> Authorization: Basic\nbXRlc3NlbDpodW50ZXIy\nnext", "> Authorization: …\nnext"),
    ("> Cookie: a=b;\n  c=hunter2\nnext", "> Cookie: …\nnext"),
    ("{\"AUTHORIZATION\":[\"Basic bXRlc3NlbDpodW50ZXIy\"]}", "{\"AUTHORIZATION: …"),
    ("{\"name\":\"Private-Token\",\"value\":\"hunter2\"}", "{\"name\":\"Private-Token=…"),
    ("git -c http.extraHeader=\"AUTHORIZATION: Basic bXRlc3NlbDpodW50ZXIy\" fetch", "git -c http.extraHeader=\"AUTHORIZATION: …"),
    ("$env:BITBUCKET_TOKEN = \"hunter2\"; git push", "$env:BITBUCKET_TOKEN=…\"; git push"),
    ("$p = ConvertTo-SecureString \"hunter2\" -Force", "$p = ConvertTo-SecureString …\" -Force"),
    ("$password = ConvertTo-SecureString -String 'hunter2'", "$password=…'"),
    ("Connect-It -Password hunter2 -Force", "Connect-It -Password … -Force"),
];

#[test]
fn a_secret_is_gone_wherever_its_place_gives_it_away() {
    for &(given, kept) in PLACES {
        let clean = scrub(given);
        assert_eq!(clean, kept, "{given}");
        assert_eq!(scrub(kept), kept, "what was searched once stays as it is");
        assert!(!["ter2", "bXRl"].iter().any(|part| clean.contains(part)), "{clean}");
    }
}

#[test]
fn a_secret_in_an_identifier_or_a_name_makes_it_disappear() {
    for secret in [
        "https://mtessel:hun'ter2@bitbucket.org",
        "https://mtessel:/hunter2@bitbucket.org",
        "https%3A%2F%2Fmtessel%3Ahunter2%40bitbucket.org%2Facme",
        "-umtessel:hunter2",
        "K8S_PASSWORD=hunter2",
        "password%3Dhunter2",
        "<password>hunter2</password>",
        r#"["--token","hunter2"]"#,
    ] {
        assert_eq!(identifier(Cow::Borrowed(secret), 99), None, "{secret}");
        assert!(username(secret).is_none_or(|name| !name.contains("ter2")), "{secret}");
    }
    for id in ["712020:0d9f2d5e-3b1a-4c1e-9d1e-6f0c0a7b1111", "https://example.test:443/x?y=1", "nightly%2Fpayments", "token-17"]
    {
        assert_eq!(identifier(Cow::Borrowed(id), 99).as_deref(), Some(id));
    }
}

#[test]
fn of_a_text_without_end_what_is_kept_is_scrubbed_and_what_stands_far_behind_it_is_not_looked_at() {
    // What is far from its sign once something before it is gone.
    for begin in ["Cookie: ", "eyJhbGciOiJIUzI1NiJ9."] {
        for secret in ["clone https://mtessel:hunter2", "see mtessel:hunter2"] {
            let length = CONTEXT + 120 - secret.len() - begin.len() - 2;
            let text = format!("{begin}{}\n {secret}@bitbucket.org/acme", "x".repeat(length));
            let kept = free_text(Cow::Borrowed(&text), 120).unwrap_or_default();
            assert!(!kept.contains("hunter2"), "{kept}");
        }
    }
    for begin in ["/", ".", ":"] {
        let ended = format!("Cookie: {}\n<password>{begin}hunter two", "x".repeat(CONTEXT + 60));
        let kept = free_text(Cow::Owned(ended + &" three".repeat(20) + "</password>"), 120).unwrap_or_default().into_owned();
        assert!(kept.starts_with("Cookie: …") && !kept.contains("hunter"), "{kept}");
    }
    let secret = format!("{}password={}", "x ".repeat(50), "hunter2".repeat(10_000));
    assert_eq!(free_text(Cow::Borrowed(&secret), 120).as_deref(), Some("x ".repeat(50).trim_end()));
    let kept = format!("https://mtessel:{}@bitbucket.org/acme", "h/".repeat(500));
    assert_eq!(free_text(Cow::Borrowed(&kept), 40).as_deref(), Some("https://mtessel@bitbucket.org/acme"));
    for begun in ["login a password b ", "account default password x ", "login x -p y ", "mysql -p ", "<token <token "] {
        let long = begun.repeat(1_000_000 / begun.len());
        let [all, near] = [&long[..], &long[..2_000]].map(|text| free_text(Cow::Borrowed(text), 254).map(Cow::into_owned));
        assert_eq!(all, near, "{begun}");
        assert_eq!(username(&long), username(&long[..8_000]));
    }
}
