//! `[[log]]`: files that are read as they grow, and how their lines are understood.

use super::{
    fields::name,
    reader::{Section, suggestion},
};
use crate::{
    daemon::options::Log,
    evidence::format::{Fields, Form, Format, UserField},
};

/// What imports are called that use no section's settings.
const IMPORT_NAMES: [&str; 3] = ["files", "register", "directory"];

pub(super) fn log(section: Section) -> Log {
    let log = Log { name: name(&section, "name"), paths: section.strings("paths"), form: form(&section) };
    if IMPORT_NAMES.contains(&log.name.as_str()) {
        section.fault("name", format!("`import/{}` is the name of imports without a section: choose another", log.name));
    }
    if log.paths.is_empty() {
        section.fault("paths", "needs at least one path");
    }
    for path in &log.paths {
        if let Err(error) = glob::Pattern::new(path) {
            section.fault("paths", format!("`{path}` is no glob: {error}"));
        }
    }
    section.finish();
    log
}

fn form(section: &Section) -> Form {
    let formats: Vec<_> = Format::ALL.iter().map(|format| format.as_str()).collect();
    let format = section.parsed("format", |text| {
        Format::parse(text).ok_or_else(|| format!("`{text}` is no format{}", suggestion(text, &formats)))
    });
    let user = section.parsed("user", |text| {
        UserField::parse(text).ok_or_else(|| format!("`{text}` is nobody{}", suggestion(text, &["proxy", "bitbucket"])))
    });
    let table = section.map("fields").into_iter().collect();
    let fields = if format == Some(Format::Csv) { Fields::of_columns(&table) } else { Fields::new(&table) };
    let fields = fields.map_err(|faults| faults.into_iter().for_each(|words| section.fault("fields", words))).unwrap_or_default();
    let form = Form {
        fields,
        host: section.string("host"),
        user: user.unwrap_or(UserField::Proxy),
        ..Form::new(format.unwrap_or(Format::Json))
    };
    if section.has("fields") && format.is_some_and(|format| !format.has_fields()) {
        section.fault("fields", format!("`{}` has its fields in fixed places: leave this out", form.format));
    }
    if form.host.is_some() && form.format == Format::Transcript {
        section.fault("host", "`transcript` finds the host in the URLs of git: leave this out");
    }
    if form.user == UserField::Bitbucket && format.is_some_and(|format| !format.has_user_field()) {
        section.fault("user", format!("`{}` has no user field: leave this out", form.format));
    }
    form
}
