//! Whom a name means, and what is left of evidence.

use super::*;
use crate::evidence::{DirectoryEntry, Member, inert};

fn person(account: &str, nickname: &str, name: &str, email: &str) -> Person {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Person {
        account_id: some(account),
        uuid: some(account).map(|account| format!("{{{account}}}")),
        nickname: some(nickname),
        display_name: some(name),
        email: some(email),
    }
}

fn roster() -> Roster {
    let people = [
        person("557058:1b2c", "mtessel", "Maria Tessel", "maria@example.test"),
        person("557058:77", "mt-old", "Maria Tessel", "other@example.test"),
        person("557058:1b2c", "Tess", "", ""),
    ];
    let member =
        |person: &Person| Member { workspace: "acme".to_owned(), person: person.clone(), permission: None, last_accessed: None };
    Roster {
        members: people[..2].iter().map(member).collect(),
        people: people.to_vec(),
        directory: vec![DirectoryEntry { person: person("", "", "M. Tessel", "Maria@example.test"), team: None }],
        ..Roster::default()
    }
}

fn sets(of: &BTreeSet<String>) -> Vec<&str> {
    of.iter().map(String::as_str).collect()
}

#[test]
fn any_name_leads_to_all_of_them_and_a_shared_one_is_kept() {
    for asked in [
        "557058:1b2c",
        "{557058:1b2c}",
        "mtessel",
        "MTESSEL",
        "Tess",
        "maria@example.test",
        "email:Maria@example.test",
        "M. Tessel",
    ] {
        let found = identify(&History::default(), &roster(), asked).unwrap_or_else(|unclear| panic!("{asked}: {unclear:?}"));
        assert_eq!(sets(&found.accounts), ["557058:1b2c"], "{asked}");
        assert_eq!(sets(&found.nicknames), ["mtessel", "tess"]);
        assert_eq!(sets(&found.emails), ["maria@example.test"]);
        assert_eq!(sets(&found.display_names), ["m. tessel"]);
        assert_eq!(sets(&found.shared), ["maria tessel"]);
    }
    let several = vec!["557058:1b2c".to_owned(), "557058:77".to_owned()];
    assert_eq!(identify(&History::default(), &roster(), "Maria Tessel"), Err(Unclear::Several(several)));
    assert!(
        matches!(identify(&History::default(), &roster(), "nobody"), Err(Unclear::Nobody(names)) if names.contains(&"mtessel".to_owned()))
    );
}

fn erasure() -> Erasure {
    Erasure::new(identify(&History::default(), &roster(), "mtessel").expect("one person"), "erased-1".to_owned())
}

#[test]
fn initials_are_somebody_in_labels_and_names_of_every_script_anywhere() {
    let identity = Identity {
        nicknames: ["mte".to_owned()].into(),
        display_names: ["İlker Aydın".to_lowercase(), "王伟".to_owned()].into(),
        ..Identity::default()
    };
    let erasure = Erasure::new(identity, "erased-1".to_owned());
    for (text, in_sentence, in_label) in [
        ("mte-nightly", None, Some("erased-1-nightly")),
        ("user,mte,,", None, Some("user,erased-1,,")),
        ("mtell", None, None),
        ("by İlker Aydın", Some("by erased-1"), Some("by erased-1")),
        ("by i̇lker aydın", Some("by erased-1"), Some("by erased-1")),
        ("王伟的笔记本", Some("erased-1的笔记本"), Some("erased-1的笔记本")),
    ] {
        assert_eq!(erasure.text(text).as_deref(), in_sentence, "{text}");
        assert_eq!(erasure.label(text).as_deref(), in_label, "{text}");
    }
    let mut nightly =
        Sighting { job: Some(Cow::Borrowed("mte-nightly")), user_agent: Some(Cow::Borrowed("mte/1")), ..Sighting::default() };
    assert!(erasure.touches(&nightly));
    erasure.erase(&mut nightly);
    assert_eq!((nightly.job.as_deref(), nightly.user_agent.as_deref()), (Some("erased-1-nightly"), Some("mte/1")));
    let track = Track { client: Some("jenkins".to_owned()), origin: Origin::Job("mte-nightly".to_owned()), ..Track::default() };
    assert_eq!(erasure.track(&track).expect("it changes").origin, Origin::Job("erased-1-nightly".to_owned()));
}

#[test]
fn a_name_is_replaced_where_it_is_a_word() {
    let erasure = erasure();
    for (text, left) in [
        ("mtessel-laptop", Some("erased-1-laptop")),
        ("fatal: https://MTessel@bitbucket.org/acme/x.git", Some("fatal: https://erased-1@bitbucket.org/acme/x.git")),
        ("by maria@example.test and mtessel", Some("by erased-1 and erased-1")),
        ("amtessels", None),
        ("Maria Tessel", None),
    ] {
        assert_eq!(erasure.text(text).as_deref(), left, "{text}");
    }
    let path = |path: &str| {
        let mut sighting = Sighting { path: Some(Cow::Owned(path.to_owned())), ..Sighting::default() };
        erasure.erase(&mut sighting);
        sighting.path.map(Cow::into_owned).expect("it has a path")
    };
    assert_eq!(path("/2.0/users/{557058:1b2c}?q=maria%40example.test"), "/2.0/users/erased-1?q=erased-1");
    assert_eq!(path("/2.0/users/%7B557058%3A1b2c%7d?q=author%3Dmaria%40example.test"), "/2.0/users/erased-1?q=author%3Derased-1");
    assert_eq!(path("/acme/mtessel-notes.git"), "/acme/mtessel-notes.git");
}

#[test]
fn names_without_end_are_all_found() {
    let identity = Identity {
        nicknames: ["mtessel".to_owned()].into(),
        tokens: (0..30_000).map(|n| format!("{n:05}-a-token-with-an-id-of-its-own")).collect(),
        ..Identity::default()
    };
    let erasure = Erasure::new(identity, "erased-1".to_owned());
    for (text, left) in [
        ("00000-a-token-with-an-id-of-its-own of mtessel", Some("erased-1 of erased-1")),
        ("by MTessel with 29999-a-Token-with-an-id-of-its-own", Some("by erased-1 with erased-1")),
        ("300000-a-token-with-an-id-of-its-own", None),
    ] {
        assert_eq!(erasure.text(text).as_deref(), left, "{text}");
    }
}

#[test]
fn evidence_keeps_its_kind_and_loses_its_person() {
    let erasure = erasure();
    let seen = |username: &str, account: Option<&str>| Sighting {
        username: Some(Cow::Owned(username.to_owned())),
        account_id: account.map(|account| Cow::Owned(account.to_owned())),
        client_ip: Some("198.51.100.77".parse().expect("an address")),
        event_id: Some("e-1".into()),
        ..Sighting::default()
    };
    let left = |mut sighting: Sighting<'static>| {
        let touched = erasure.touches(&sighting);
        erasure.erase(&mut sighting);
        (
            touched,
            sighting.username.expect("a name").into_owned(),
            sighting.client_ip.map(|ip| ip.to_string()).unwrap_or_default(),
        )
    };
    let own = |name: &str| (true, name.to_owned(), "198.51.100.0".to_owned());
    assert_eq!(left(seen("mtessel", None)), own("erased-1"));
    assert_eq!(left(seen("Maria@example.test", None)), own("erased-1@erased.invalid"));
    assert_eq!(left(seen("x-token-auth", Some("557058:1b2c"))), own("x-token-auth"));
    // Somebody else who presents the same name is somebody else.
    let others = (false, "mtessel".to_owned(), "198.51.100.77".to_owned());
    assert_eq!(left(seen("mtessel", Some("557058:99"))), others);
    assert_eq!(erasure.user_id("name:mtessel").as_deref(), Some("name:erased-1"));
    assert_eq!(erasure.user_id("557058:1b2c").as_deref(), Some("erased-1"));
    assert_eq!(erasure.user_id("557058:77"), None);
}

#[test]
fn addresses_become_the_networks_that_origins_are_told_by() {
    let masked = |ip: &str| neighbourhood(ip.parse().expect("an address")).to_string();
    assert_eq!(masked("198.51.100.77"), "198.51.100.0");
    assert_eq!(masked("2001:db8:17:4::1"), "2001:db8:17::");
}

#[test]
fn a_name_is_found_in_every_form_in_which_it_is_written() {
    let long = "ab\u{200b}".repeat(30);
    for (name, texts) in [
        (
            r#"Mira "Mi" Tessel"#,
            &[
                r#"name:mira "mi" tessel"#,
                r#""name:Mira ""Mi"" Tessel",7"#,
                r#"{"user_name":"Mira \"Mi\" Tessel"}"#,
                r#""{""user"":""Mira \""Mi\"" Tessel""}""#,
                "<b>Mira &quot;Mi&quot; Tessel</b>",
                "<b>Mira &#34;Mi&#x22; Tessel</b>",
            ][..],
        ),
        (r"ACME\mtessel", &[r"by acme\mtessel", r#"{"user":"ACME\\mtessel"}"#]),
        ("bob\u{200b}tessel", &["bob\u{200b}tessel", r"bob\u{200b}tessel,1", r#""bob\\u{200b}tessel""#, r#""bob\u200btessel""#]),
        ("MÜL\u{ad}LER", &["mül\u{ad}ler", r"Mül\u{ad}ler", r#""M\u00dcL\u00adLER""#, r#""m\u00fcl\\u{ad}ler""#]),
        ("\u{200f}שרה", &["\u{200f}שרה", r"name:\u{200f}שרה", r#""\u200f\u05e9\u05e8\u05d4""#]),
        ("a\tb tessel", &["a\tb tessel", r"a\tb tessel", r#""a\\tb tessel""#, r"a\u0009b tessel"]),
        ("İpek", &["İpek", "i̇pek", r"\u0130pek", r"i\u0307pek"]),
        ("a;b tessel", &["a;b tessel", "web;a,b tessel;x"]),
        ("a;=b tessel", &["a;=b tessel", "web;a,'=b tessel;x", "a;'=b tessel"]),
        (
            r#""mira.t"@example.test"#,
            &[r#"email:"Mira.T"@example.test"#, r#""email:""mira.t""@example.test""#, "%22mira.t%22%40example.test"],
        ),
        ("😀tessel", &["😀tessel", r"\ud83d\ude00tessel"]),
        ("märta tessel", &["/x?q=M%C3%84rta%20Tessel", "/x?q=m%c3%a4rta+tessel", "märta tessel"]),
        (long.as_str(), &[long.as_str(), inert::name(&long).as_str(), inert::name(&long).replace('\\', r"\\").as_str()]),
    ] {
        let names = BTreeSet::from([name.to_owned()]);
        let erasure = Erasure::new(Identity::of_names(names, &name.to_lowercase()), "erased-1".to_owned());
        for text in texts {
            let left = erasure.text(text).unwrap_or_default();
            assert!(left.contains("erased-1") && !left.to_lowercase().contains("tessel"), "{name:?} in {text} leaves {left}");
            assert!(erasure.is_named_in(text.as_bytes()), "{name:?} in {text}");
        }
    }
    for (name, other) in [("jan groß", "by Jan Gros"), ("groß", "Gros-laptop"), ("yıldız", "by Yildiz"), ("ﬁsch", "by Fsch")]
    {
        let erasure = Erasure::new(Identity::of_names(BTreeSet::new(), name), "erased-1".to_owned());
        assert_eq!(erasure.label(other), None, "{name} is somebody else");
    }
    let nicknames = ["jank".to_owned(), "jank t".to_owned(), "jank tessel".to_owned()].into();
    let erasure = Erasure::new(Identity { nicknames, ..Identity::default() }, "erased-1".to_owned());
    for (text, left) in
        [("by jank tx", "by erased-1 tx"), ("jank tesselx", "erased-1 tesselx"), ("jank t, jank", "erased-1, erased-1")]
    {
        assert_eq!(erasure.label(text).as_deref(), Some(left), "a longer name that is none hides no shorter one");
    }
    let ended = format!("{}…", "ab c".repeat(40));
    let erasure = Erasure::new(Identity::of_names(BTreeSet::new(), &ended), "erased-1".to_owned());
    assert_eq!(erasure.label(&inert::name(&ended)).as_deref(), Some("erased-1"), "a name that is cut, and ended so itself");
    let nicknames = ["bob".to_owned(), "bob\u{200b}tessel".to_owned()].into();
    let erasure = Erasure::new(Identity { nicknames, ..Identity::default() }, "erased-1".to_owned());
    let whole = erasure.label(r"by bob\u{200b}tessel, x");
    assert_eq!(whole.as_deref(), Some("by erased-1, x"), "and not the shorter name that it begins with");
    let erasure = Erasure::new(Identity::of_names(BTreeSet::new(), "tessel"), "erased-1".to_owned());
    assert!(erasure.is_named_in(br"two lines\ntessel"), "a line that is ended in letters");
    assert_eq!(erasure.text(r"ACME\ntessel"), None, "which may be another name");
}

#[test]
fn the_longest_name_of_any_script_is_looked_for() {
    for letter in ["a", "\u{1e9e}", "\"", "\u{e0001}"] {
        for length in [512, 4_096] {
            let name = letter.repeat(length);
            let erasure =
                Erasure::new(Identity::of_names(BTreeSet::from([name.clone()]), &name.to_lowercase()), "erased-1".to_owned());
            assert_eq!(erasure.label(&format!("by {name}")).as_deref(), Some("by erased-1"));
        }
    }
}
