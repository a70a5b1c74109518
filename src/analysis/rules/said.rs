//! What a rule asks, one condition after the other, for whoever asks it in another language than this one.

use ipnet::IpNet;

use super::{
    Rule,
    conditions::Test,
    facts::{Field, TRAITS},
};

/// One condition; all of a rule's must hold. Fields are as the evidence object spells them.
#[derive(Clone, Debug)]
pub(in crate::analysis) struct Said<'r> {
    /// A field, or a trait.
    pub subject: &'static str,
    pub asks: Asks<'r>,
}

#[derive(Clone, Debug)]
pub(in crate::analysis) enum Asks<'r> {
    ToBeThere,
    NotToBeThere,
    /// The value of a trait is one of these.
    Trait(Vec<&'static str>),
    OneOf(&'r [String]),
    Prefix(&'r [String]),
    /// In any case; these are lower case, and ASCII.
    Contains(&'r [String]),
    Matches(&'r str),
    Number(&'r [u32]),
    Within(&'r [IpNet]),
}

impl Rule {
    /// Everything that must hold.
    pub(in crate::analysis) fn said(&self) -> Vec<Said<'_>> {
        let when = &self.when;
        let tested = when.tests.iter().fold(0, |all, (field, _)| all | field.bit());
        let fields = |bits: u32| Field::all().filter(move |field| bits & field.bit() != 0).map(Field::as_str);
        let mut said: Vec<Said<'_>> = Vec::new();
        said.extend(fields(when.present & !tested).map(|subject| Said { subject, asks: Asks::ToBeThere }));
        said.extend(fields(when.absent).map(|subject| Said { subject, asks: Asks::NotToBeThere }));
        for of in TRAITS.iter().filter(|of| when.traits & of.mask() != of.mask()) {
            let allowed = of.words.iter().enumerate().filter(|(value, _)| when.traits & of.bit(*value) != 0);
            said.push(Said { subject: of.key, asks: Asks::Trait(allowed.map(|(_, word)| *word).collect()) });
        }
        said.extend(when.tests.iter().map(|(field, test)| Said { subject: field.as_str(), asks: asked(test) }));
        said
    }
}

fn asked(test: &Test) -> Asks<'_> {
    match test {
        Test::OneOf(values) => Asks::OneOf(values),
        Test::Prefix(prefixes) => Asks::Prefix(prefixes),
        Test::Contains(parts) => Asks::Contains(parts),
        Test::Matches(pattern) => Asks::Matches(pattern.as_str()),
        Test::Number(numbers) => Asks::Number(numbers),
        Test::Within(networks) => Asks::Within(networks),
    }
}
