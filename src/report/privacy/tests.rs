use super::{
    humans::says_machine,
    names::{Collected, Speaker},
    *,
};
use crate::evidence::Person as Facts;

fn facts(nickname: &str, name: &str, email: &str, account: &str) -> Facts {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Facts { account_id: text(account), uuid: None, nickname: text(nickname), display_name: text(name), email: text(email) }
}

fn names() -> Names {
    let mut names = Collected::default();
    names.person("person-1", "712020:a", &[facts("mtess", "Mara Tessel", "mara.t@acme.test", "712020:a")]);
    names.person("person-2", "712020:b", &[facts("mtess-2", "Mara Tessel Ödön", "", "712020:b")]);
    names.person("person-3", "name:Bo", &[]);
    names.person("person-4", "712020:d", &[facts("", "王伟", "", "712020:d")]);
    names.ready()
}

#[track_caller]
fn becomes(text: &str, expected: &str) {
    assert_eq!(names().replaced(text, Speaker::Trusted).as_deref().unwrap_or(text), expected);
}

#[test]
fn anybody_names_nobody_but_the_one_whom_a_row_is_about() {
    let mut names = Collected::default();
    for (account, pseudonym, nickname) in [("712020:a", "person-1", "mtess"), ("712020:b", "person-2", "ibrandt")] {
        names.person(pseudonym, account, &[facts(nickname, "", "", account)]);
        names.text("my laptop", "label-1", pseudonym);
    }
    names.text("build box", "label-2", "person-1");
    names.text("build box", "label-2", "");
    let names = names.ready();
    let told = |own| names.replaced("mtess, ibrandt: my laptop, build box", Speaker::Anybody { own, other: "somebody" });
    assert_eq!(told("person-1").as_deref(), Some("person-1, somebody: label-1, label-2"));
    assert_eq!(told("person-2").as_deref(), Some("somebody, person-2: label-1, somebody"));
    assert_eq!(told("").as_deref(), Some("somebody, somebody: somebody, somebody"));
}

#[test]
fn every_form_of_a_name_is_found_where_it_stands_alone() {
    for name in
        ["Mara Tessel", "MARA TESSEL", "mtess", "mara.t@acme.test", "712020:a", "Tessel, Mara", "tessel.mara", "mara_tessel"]
    {
        becomes(&format!("asked by {name}; twice: {name}"), "asked by person-1; twice: person-1");
    }
    becomes("acme/mtess/dotfiles", "acme/person-1/dotfiles");
    becomes("王伟的笔记本", "person-4的笔记本");
    becomes("mtessels", "mtessels");
    becomes("a bow, and Bo", "a bow, and Bo");
}

#[test]
fn of_names_that_overlap_the_longest_that_stands_alone_is_meant() {
    becomes("mtess-2 and mtess", "person-2 and person-1");
    becomes("Mara Tessel Ödön", "person-2");
    becomes("MARA TESSEL ÖDÖN is one", "person-2 is one");
    becomes("Mara Tessel Ödönx", "person-1 Ödönx");
    becomes("", "");
}

#[test]
fn what_a_name_says_of_a_machine() {
    for name in ["svc-deploy-payments-17", "backup-bot", "payments ci (service)", "jenkins@acme.test", "Renovate"] {
        assert!(says_machine(name), "{name}");
    }
    for name in ["mtessel", "Bottner", "cindy", "Mara Tessel", "robotnik"] {
        assert!(!says_machine(name), "{name}");
    }
    assert!(says_machine("ci_cero@x"), "a word that stands alone in a name says so, whoever has the name");
}
