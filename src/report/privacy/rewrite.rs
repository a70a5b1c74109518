//! What a report and an explanation are made of, rewritten field by field.

use super::{Disguise, People, names::Speaker};
use crate::{
    analysis::{
        Change, Findings, Integration, IntegrationKey, Person, Policy, TokenFinding, UserFinding,
        explain::{Evidence, ExplainedIntegration, ExplainedUser, ExplainedVerdict, Explanation},
        is_crowd_id,
    },
    evidence::{Ledger, Origin, Track, UnknownTotal, journal::JournalEntry},
    report::inputs::{BlindSpot, Inputs, Organization, SourceLine},
};

/// The inputs of a report without the names of people.
pub struct Rewritten {
    findings: Findings,
    policy: Policy,
    ledger: Ledger,
    changes: Vec<Change>,
    sources: Vec<SourceLine>,
    unknown: Vec<UnknownTotal>,
    blind_spots: Vec<BlindSpot>,
    organizations: Vec<Organization>,
    journal: Vec<JournalEntry>,
}

impl Rewritten {
    pub fn new(inputs: &Inputs<'_>, people: &People<'_>) -> Self {
        let disguise = Disguise::new(people, inputs.findings, inputs.policy);
        Self {
            findings: disguise.findings(inputs.findings.clone()),
            policy: disguise.policy(inputs.policy.clone()),
            ledger: disguise.ledger(inputs.ledger.clone()),
            changes: inputs.changes.iter().cloned().map(|change| disguise.change(change)).collect(),
            sources: inputs.sources.iter().cloned().map(|line| disguise.source(line)).collect(),
            unknown: inputs.unknown.iter().cloned().map(|value| disguise.unknown(value)).collect(),
            blind_spots: inputs.blind_spots.iter().cloned().map(|spot| disguise.blind_spot(spot)).collect(),
            organizations: inputs.organizations.iter().cloned().map(|one| disguise.organization(one)).collect(),
            journal: inputs.journal.iter().cloned().map(|entry| disguise.entry(entry)).collect(),
        }
    }

    /// The same inputs, with what was rewritten.
    pub fn inputs<'r>(&'r self, inputs: Inputs<'r>) -> Inputs<'r> {
        Inputs {
            findings: &self.findings,
            policy: &self.policy,
            ledger: &self.ledger,
            changes: &self.changes,
            sources: &self.sources,
            unknown: &self.unknown,
            blind_spots: &self.blind_spots,
            organizations: &self.organizations,
            journal: &self.journal,
            people: None,
            ..inputs
        }
    }
}

/// Any human, in a text that anybody may have written.
const SOMEBODY: &str = "somebody";

impl Disguise {
    fn by(&self, speaker: Speaker<'_>, text: &mut String) {
        if let Some(replaced) = self.names.replaced(text, speaker) {
            *text = replaced;
        }
    }

    /// What the organisation says itself.
    fn own(&self, text: &mut String) {
        self.by(Speaker::Trusted, text);
    }

    /// What anybody may have written, about the user of a pseudonym; empty where it is about nobody.
    fn text(&self, text: &mut String, about: &str) {
        self.by(Speaker::Anybody { own: about, other: SOMEBODY }, text);
    }

    fn texts<'t>(&self, texts: impl IntoIterator<Item = &'t mut String>, about: &str) {
        texts.into_iter().for_each(|text| self.text(text, about));
    }

    /// The name of a workspace or a repository.
    fn place(&self, name: &mut String, about: &str) {
        let code = self.pseudonym("place", name);
        self.by(Speaker::Anybody { own: about, other: &code }, name);
    }

    /// A user id; one of nobody that is known is still searched.
    fn user(&self, id: &mut String) {
        *id = self.id(id);
        self.text(id, "");
    }

    fn person(&self, person: &mut Person) {
        if self.is_human(&person.id) {
            *person = Person { id: self.id(&person.id), name: None, email: None };
        }
    }

    fn findings(&self, mut findings: Findings) -> Findings {
        findings.campaigns.iter_mut().flat_map(|found| &mut found.integrations).for_each(|row| self.integration(row));
        findings.users.iter_mut().for_each(|user| self.user_finding(user));
        findings.users.sort_by(|a, b| a.user.id.cmp(&b.user.id));
        let spelt = |rewrite: &dyn Fn(&mut String), text: &str| {
            let mut text = text.to_owned();
            rewrite(&mut text);
            text
        };
        findings.authentications = std::mem::take(&mut findings.authentications).renamed(
            |user| spelt(&|user| self.user(user), user),
            str::to_owned,
            |workspace| spelt(&|workspace| self.place(workspace, ""), workspace),
        );
        findings.tokens.iter_mut().for_each(|token| self.token(token));
        findings.traces.iter_mut().for_each(|trace| self.key(&mut trace.key));
        self.texts(findings.reidentified.iter_mut().map(|change| &mut change.words), "");
        for workspace in findings.observation.iter_mut().flat_map(|observation| &mut observation.workspaces) {
            self.place(&mut workspace.workspace, "");
        }
        findings
    }

    fn integration(&self, row: &mut Integration) {
        let about = self.id(&row.user.id);
        // Owners stay: they are teams, and their names the organisation's own.
        self.person(&mut row.user);
        row.workspace.iter_mut().chain(&mut row.workspaces).for_each(|workspace| self.place(workspace, ""));
        row.repositories.iter_mut().for_each(|repository| self.place(repository, &about));
        self.texts([&mut row.origin].into_iter().chain(&mut row.owner_why).chain(&mut row.reasons), &about);
        self.texts(row.terms.iter_mut().map(|term| &mut term.words), &about);
        self.texts(row.trap.iter_mut().map(|trap| &mut trap.words), &about);
    }

    fn user_finding(&self, user: &mut UserFinding) {
        self.person(&mut user.user);
    }

    fn token(&self, token: &mut TokenFinding) {
        if self.is_human(&token.user.id) {
            token.label = self.label(&token.label);
        }
        self.person(&mut token.user);
        // A register calls a credential by its place and label, and its owner may be a person.
        let owner = token.owner.as_mut().filter(|owner| !self.is_team(owner));
        [&mut token.label, &mut token.token].into_iter().chain(owner).for_each(|text| self.own(text));
    }

    fn key(&self, key: &mut IntegrationKey) {
        if let Origin::TokenLabel(label) = &mut key.origin
            && !self.is_machine(&key.user)
        {
            *label = self.label(label);
        }
        self.user(&mut key.user);
        self.origin(&mut key.origin, &key.user);
    }

    fn origin(&self, origin: &mut Origin, about: &str) {
        if let Origin::Network(name) | Origin::Job(name) | Origin::TokenLabel(name) = origin {
            self.text(name, about);
        }
    }

    fn policy(&self, mut policy: Policy) -> Policy {
        for waiver in &mut policy.waivers {
            for text in [&mut waiver.requester, &mut waiver.approver, &mut waiver.ticket, &mut waiver.reason] {
                self.own(text);
            }
        }
        policy
    }

    fn ledger(&self, mut ledger: Ledger) -> Ledger {
        ledger.sources.values_mut().flatten().for_each(|interval| self.text(&mut interval.reason, ""));
        ledger
    }

    fn change(&self, mut change: Change) -> Change {
        self.text(&mut change.reason, "");
        change
    }

    fn source(&self, mut line: SourceLine) -> SourceLine {
        if let Some((_, why)) = &mut line.last_failure {
            self.text(why, "");
        }
        self.text(&mut line.warning, "");
        self.texts(line.skipped.iter_mut().map(|skipped| &mut skipped.sample), "");
        line
    }

    fn unknown(&self, mut value: UnknownTotal) -> UnknownTotal {
        self.text(&mut value.value, "");
        value
    }

    fn blind_spot(&self, mut spot: BlindSpot) -> BlindSpot {
        self.own(&mut spot.name);
        self.own(&mut spot.reason);
        spot
    }

    fn organization(&self, mut one: Organization) -> Organization {
        one.workspaces.iter_mut().for_each(|workspace| self.place(workspace, ""));
        one
    }

    /// Whoever ran a command is somebody; the command stays. The hash is the one of the entry as it stands in the store.
    fn entry(&self, mut entry: JournalEntry) -> JournalEntry {
        let (who, command) = entry.actor.split_once(" (").unwrap_or((&entry.actor, ""));
        let who = self.names.replaced(who, Speaker::Trusted).unwrap_or_else(|| self.named(who));
        entry.actor = if command.is_empty() { who } else { format!("{who} ({command}") };
        self.own(&mut entry.detail);
        entry
    }
}

/// An explanation without the names of people, but for the name that was asked for.
pub fn explanation(mut found: Explanation, disguise: &Disguise) -> Explanation {
    if let Some(user) = &mut found.user {
        disguise.explained_user(user);
    }
    let users: Vec<(String, String)> = found.integrations.iter().map(|i| (i.key.id.clone(), i.key.user.clone())).collect();
    for piece in &mut found.evidence {
        let user = users.iter().find(|(id, _)| *id == piece.integration).map(|(_, user)| user.as_str());
        disguise.evidence(piece, user.unwrap_or_default());
    }
    found.integrations.iter_mut().for_each(|i| disguise.explained_integration(i));
    found
}

impl Disguise {
    fn explained_user(&self, user: &mut ExplainedUser) {
        self.person(&mut user.person);
        if let Some(finding) = &mut user.finding {
            self.user_finding(finding);
        }
        user.tokens.iter_mut().for_each(|token| self.token(token));
        user.memberships.iter_mut().for_each(|member| self.place(&mut member.workspace, ""));
    }

    fn explained_integration(&self, i: &mut ExplainedIntegration) {
        let about = self.id(&i.user.id);
        self.key(&mut i.key);
        i.names.iter_mut().for_each(|key| self.key(key));
        let email = i.user.email.as_ref().filter(|_| self.is_human(&i.user.id));
        let steps = [&mut i.steps, &mut i.steps_if_guessed].into_iter().flatten();
        for proof in steps.flat_map(|steps| &mut steps.proofs) {
            if let Some(email) = email {
                // As where it is not known.
                proof.command = proof.command.replace(email, "EMAIL");
            }
            self.text(&mut proof.command, &about);
        }
        self.person(&mut i.user);
        for ExplainedVerdict { row, would_change, .. } in &mut i.verdicts {
            self.integration(row);
            self.texts(would_change, &about);
        }
        if let Some(guess) = &mut i.guess {
            self.text(&mut guess.reason, &about);
        }
    }

    /// A human's address is where they live or work: of it the network stays that the origin names.
    fn evidence(&self, piece: &mut Evidence, user: &str) {
        let crowd = is_crowd_id(user);
        let human = user.is_empty() || crowd || self.is_human(user);
        let pseudonym = self.id(user);
        self.track(&mut piece.track, &pseudonym, human);
        let Some(s) = &mut piece.sighting else { return };
        if human {
            s.client_ip = None;
        }
        if crowd {
            // Nobody knows their names, so that nothing can be searched for them.
            (s.user_agent, s.path, s.message) = (None, None, None);
        }
        let shown =
            [&mut s.user_agent, &mut s.scheme, &mut s.auth_type, &mut s.method, &mut s.path, &mut s.message, &mut s.action];
        for field in shown.into_iter().flatten() {
            let speaker = Speaker::Anybody { own: &pseudonym, other: SOMEBODY };
            if let Some(replaced) = self.names.replaced(field, speaker) {
                *field = replaced.into();
            }
        }
    }

    fn track(&self, track: &mut Track, pseudonym: &str, human: bool) {
        for name in [&mut track.username, &mut track.email, &mut track.account_id, &mut track.display_name].into_iter().flatten()
        {
            if human && !pseudonym.is_empty() {
                pseudonym.clone_into(name);
            } else {
                self.text(name, pseudonym);
            }
        }
        if human && let Some(label) = &mut track.token_label {
            *label = self.label(label);
        }
        track.workspace.iter_mut().for_each(|workspace| self.place(workspace, ""));
        track.repository.iter_mut().for_each(|repository| self.place(repository, pseudonym));
        self.texts(track.host.iter_mut().chain(&mut track.token_label), pseudonym);
        self.origin(&mut track.origin, pseudonym);
    }
}
