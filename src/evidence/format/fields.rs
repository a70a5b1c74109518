//! Where the fields of the contract are found in a line: a mapping from field to dotted key.

use std::collections::BTreeMap;

use crate::evidence::{settings::suggestion, vocabulary::spelled};

spelled!(
    /// The fields of the contract's evidence object; `port`, which joins the host; and `authorization`, a header that is
    /// reduced at once.
    Field {
        Time = "time",
        EventId = "event_id",
        Workspace = "workspace",
        Repository = "repository",
        Username = "username",
        Email = "email",
        AccountId = "account_id",
        ClientIp = "client_ip",
        UserAgent = "user_agent",
        Scheme = "scheme",
        SecretPrefix = "secret_prefix",
        SecretId = "secret_id",
        AuthType = "auth_type",
        TokenId = "token_id",
        TokenLabel = "token_label",
        Job = "job",
        Host = "host",
        Port = "port",
        Method = "method",
        Path = "path",
        Status = "status",
        Message = "message",
        Uses = "uses",
        Until = "until",
        Authorization = "authorization",
    }
);

/// No log names its keys longer than this.
const MAX_KEY: usize = 256;

/// The mapping, as a tree of keys. A key with dots is found both nested and spelled out with its dots.
#[derive(Clone, Debug)]
pub struct Fields {
    root: Target,
}

/// The keys of one level, by their length: nearly all keys of a line are decided by one or two comparisons.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    by_length: Vec<Vec<(Box<str>, Target)>>,
}

/// What stands under a key.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Field(Field),
    Nested(Node),
}

impl Default for Fields {
    /// Every field under its own name.
    fn default() -> Self {
        let mut root = Node::default();
        for field in Field::ALL {
            root.insert(field.as_str(), Target::Field(*field));
        }
        Self { root: Target::Nested(root) }
    }
}

impl Fields {
    /// Builds the mapping from a configuration's `fields` table (field to key); fields that it does not name keep their
    /// own name, unless another field takes it.
    ///
    /// # Errors
    /// Every name that is no field, key given twice, or key that is both a value and an object.
    pub fn new(table: &BTreeMap<String, String>) -> Result<Self, Vec<String>> {
        Self::build(table, Node::add)
    }

    /// The same for tables, where a column's name is one word, dots and all.
    ///
    /// # Errors
    /// Every name that is no field, and column given twice.
    pub fn of_columns(table: &BTreeMap<String, String>) -> Result<Self, Vec<String>> {
        Self::build(table, Node::add_column)
    }

    fn build(
        table: &BTreeMap<String, String>,
        add: impl Fn(&mut Node, &str, Field) -> Result<(), String>,
    ) -> Result<Self, Vec<String>> {
        let (mut root, mut moved, mut faults) = (Node::default(), Vec::new(), Vec::new());
        for (name, key) in table {
            let Some(field) = Field::parse(name) else {
                faults.push(format!("`{name}` is no field{}", suggestion(name, &names())));
                continue;
            };
            if let Err(why) = add(&mut root, key, field) {
                faults.push(format!("`{name}`: {why}"));
            }
            moved.push(field);
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        for field in Field::ALL.iter().filter(|field| !moved.contains(field)) {
            if root.get(field.as_str()).is_none() {
                root.insert(field.as_str(), Target::Field(*field));
            }
        }
        Ok(Self { root: Target::Nested(root) })
    }

    pub(super) fn root(&self) -> &Target {
        &self.root
    }

    /// The field that a column of a table holds. Whoever writes headers writes them in either case.
    pub(super) fn column(&self, name: &str) -> Option<Field> {
        let Target::Nested(root) = &self.root else { return None };
        match root.get(name).or_else(|| root.get(&name.to_ascii_lowercase())) {
            Some(Target::Field(field)) => Some(*field),
            _ => None,
        }
    }
}

fn names() -> Vec<&'static str> {
    Field::ALL.iter().map(|field| field.as_str()).collect()
}

impl Node {
    pub(super) fn get(&self, key: &str) -> Option<&Target> {
        // Most are told apart by their first bytes, which costs no call.
        let first = key.as_bytes().first();
        let mut known = self.by_length.get(key.len())?.iter();
        known.find(|(known, _)| known.as_bytes().first() == first && **known == *key).map(|(_, target)| target)
    }

    fn get_mut(&mut self, key: &str) -> Option<&mut Target> {
        self.by_length.get_mut(key.len())?.iter_mut().find(|(known, _)| **known == *key).map(|(_, target)| target)
    }

    fn insert(&mut self, key: &str, target: Target) {
        if self.by_length.len() <= key.len() {
            self.by_length.resize_with(key.len() + 1, Vec::new);
        }
        self.by_length[key.len()].push((key.into(), target));
    }

    /// Adds a dotted key below this level.
    fn add(&mut self, key: &str, field: Field) -> Result<(), String> {
        if key.split('.').any(str::is_empty) {
            return Err(format!("`{key}` is no key"));
        }
        if key.contains('.') && self.get(key).is_none() {
            self.descend(key, field)?;
        }
        self.add_column(key, field)
    }

    fn add_column(&mut self, key: &str, field: Field) -> Result<(), String> {
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(format!("`{key}` is no key"));
        }
        if self.get(key).is_some() {
            return Err(format!("the key `{key}` is taken by another field"));
        }
        self.insert(key, Target::Field(field));
        Ok(())
    }

    fn descend(&mut self, key: &str, field: Field) -> Result<(), String> {
        let Some((first, rest)) = key.split_once('.') else {
            self.insert(key, Target::Field(field));
            return Ok(());
        };
        if self.get(first).is_none() {
            self.insert(first, Target::Nested(Node::default()));
        }
        match self.get_mut(first) {
            Some(Target::Nested(node)) => node.descend(rest, field),
            _ => Err(format!("the key `{first}` is taken by another field")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(table: &[(&str, &str)]) -> Result<Fields, Vec<String>> {
        Fields::new(&table.iter().map(|(field, key)| ((*field).to_owned(), (*key).to_owned())).collect())
    }

    #[test]
    fn slips_in_a_mapping_are_named() {
        let refused = |table| fields(table).expect_err("refused").join("\n");
        let both = refused(&[("tme", "ts"), ("nonsense", "n")]);
        assert!(both.contains("`tme` is no field; did you mean `time`?"), "{both}");
        assert!(both.contains("`nonsense` is no field; known here: time, event_id, workspace"), "{both}");
        assert!(refused(&[("time", "ts"), ("until", "ts")]).contains("`ts` is taken"));
        assert!(refused(&[("client_ip", "src"), ("job", "src.job")]).contains("`src` is taken"));
        assert!(refused(&[("time", "a..b")]).contains("`a..b` is no key"));
    }

    #[test]
    fn a_key_that_another_field_takes_is_no_longer_the_fields_own() {
        let mapped = fields(&[("user_agent", "message")]).expect("valid");
        let Target::Nested(root) = mapped.root() else { panic!("the root is an object") };
        assert!(matches!(root.get("message"), Some(Target::Field(Field::UserAgent))));
        assert!(root.get("user_agent").is_none());
        assert!(matches!(root.get("status"), Some(Target::Field(Field::Status))));
    }
}
