//! Versions in user agents, and which of them are known to be too old for tokens.

/// The first dotted number at or after `start`, as a user agent writes versions: `git/2.45.1`, `cargo 1.82.0`, `@1.27.1`,
/// `Faraday v2.7`. A digit inside a name (`libgit2`, `n8n`) is none.
pub(super) fn version_after(agent: &str, start: usize) -> Option<&str> {
    let tail = agent.get(start..)?;
    let bytes = tail.as_bytes();
    let begins = |at: usize| {
        let before = |back: usize| at.checked_sub(back).map(|at| bytes[at]);
        let apart = |byte: Option<u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte != b'.');
        bytes[at].is_ascii_digit() && (apart(before(1)) || (matches!(before(1), Some(b'v' | b'V')) && apart(before(2))))
    };
    let from = (0..bytes.len()).find(|at| begins(*at))?;
    let length = bytes[from..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    Some(tail[from..from + length].trim_end_matches('.'))
}

/// A bound on versions that cannot use a replacement: `< 3.4.24`, `<= 9.6.15`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    number: Vec<u64>,
    inclusive: bool,
}

impl Bound {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (inclusive, number) = match text.strip_prefix("<=") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('<')?),
        };
        Some(Self { number: numbers(number.trim())?, inclusive })
    }

    /// Compared as far as the bound goes: 0.26.3 is no newer than 0.26. A version that says less than the bound may be
    /// either.
    fn holds(&self, version: &[u64]) -> bool {
        let shared = version.len().min(self.number.len());
        match version[..shared].cmp(&self.number[..shared]) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => self.inclusive && shared == self.number.len(),
            std::cmp::Ordering::Greater => false,
        }
    }
}

/// Whether a version is known to be too old: by the bound of its own major line, else because it lies before all of them.
pub(super) fn too_old(bounds: &[Bound], version: &str) -> bool {
    let Some(version) = numbers(version) else { return false };
    match bounds.iter().find(|bound| bound.number[0] == version[0]) {
        Some(bound) => bound.holds(&version),
        None => bounds.iter().map(|bound| bound.number[0]).min().is_some_and(|oldest| version[0] < oldest),
    }
}

fn numbers(text: &str) -> Option<Vec<u64>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_number_that_stands_apart() {
        for (agent, start, version) in [
            ("git/2.45.1.windows.1", 0, Some("2.45.1")),
            ("git/2.0 (libgit2 1.8.4)", 8, Some("1.8.4")),
            ("git/isomorphic-git@1.27.1", 0, Some("1.27.1")),
            ("git/oxide-0.38.0", 0, Some("0.38.0")),
            ("Faraday v2.7.10", 0, Some("2.7.10")),
            ("go-git/5.x", 0, Some("5")),
            ("n8n", 0, None),
            ("", 0, None),
            ("é1", 1, None),
        ] {
            assert_eq!(version_after(agent, start), version, "{agent}");
        }
    }

    #[test]
    fn a_version_is_compared_within_its_major_line() {
        let bounds = |texts: &[&str]| texts.iter().map(|text| Bound::parse(text).expect("a bound")).collect::<Vec<_>>();
        let two_lines = bounds(&["< 3.4.24", "< 4.2.13"]);
        for (version, old) in
            [("3.4.23", true), ("3.4.24", false), ("4.2.12", true), ("4.3", false), ("2.9", true), ("5.0", false), ("3.4", false)]
        {
            assert_eq!(too_old(&two_lines, version), old, "{version}");
        }
        let inclusive = bounds(&["<= 0.26"]);
        for (version, old) in [("0.26", true), ("0.26.3", true), ("0.27", false), ("1.0", false), ("", false)] {
            assert_eq!(too_old(&inclusive, version), old, "{version}");
        }
        assert!(!too_old(&[], "0.1"));
        assert_eq!([Bound::parse("3.4"), Bound::parse("< new")], [None, None]);
    }
}
