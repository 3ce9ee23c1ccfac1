//! What a member may do where: the rules, by the names of the tree.

use crate::accounts::{Member, Rule};
use crate::storage::Existing;
use wharf_proto::path::VirtualPath;
use wharf_proto::server::Rights;
use wharf_proto::verb::Right;

/// The rights of each name.
pub(super) struct Grants {
    /// Where no rule says anything.
    all: Rights,
    /// The longest names first.
    rules: Vec<Rule>,
}

impl Grants {
    /// What this member has been granted; no rule goes beyond the rights over all.
    pub(super) fn of(member: &Member) -> Self {
        let all = member.account.rights;
        let within = |rule: &Rule| Rule { rights: rule.rights.within(all), ..rule.clone() };
        let mut rules: Vec<Rule> = member.rules.iter().map(within).collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.beneath.as_bytes().len()));
        Self { all, rules }
    }

    /// What may be done with this name.
    pub(super) fn at(&self, path: &VirtualPath) -> Rights {
        let rule = self.rules.iter().find(|rule| path.beneath(&rule.beneath).is_some());
        rule.map_or(self.all, |rule| rule.rights)
    }

    /// Whether there is anything that may be done with this name or with one beneath it.
    pub(super) fn leads_on(&self, path: &VirtualPath) -> bool {
        self.at(path) != Rights::NONE || self.below(path).any(|rule| rule.rights != Rights::NONE)
    }

    /// Whether anything can be stored at this name or at one beneath it.
    pub(super) fn write_at(&self, path: &VirtualPath) -> bool {
        let writes = |rights: Rights| rights.has(Right::Write);
        writes(self.at(path)) || self.below(path).any(|rule| writes(rule.rights))
    }

    /// Whether names beneath this one have rules of their own.
    pub(super) fn is_divided(&self, path: &VirtualPath) -> bool {
        self.below(path).next().is_some()
    }

    /// Whether there are rules at all.
    pub(super) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Whether the machine's own look at the rights over all is enough: there are no rules, and who may make or
    /// rename files may replace them too.
    pub(super) fn are_flat(&self) -> bool {
        let writes = self.all.has(Right::Write) || self.all.has(Right::Rename);
        !self.has_rules()
            && self.all.has(Right::List)
            && (!writes || self.all.has(Right::Write) || self.all.has(Right::Delete))
    }

    /// The names in this folder that have rules of their own, or on the way to them.
    pub(super) fn names_in(&self, folder: &VirtualPath) -> Vec<Vec<u8>> {
        super::names_towards(self.rules.iter().map(|rule| &rule.beneath), folder)
    }

    fn below(&self, path: &VirtualPath) -> impl Iterator<Item = &Rule> {
        let strictly = |rule: &&Rule| rule.beneath != *path && rule.beneath.beneath(path).is_some();
        self.rules.iter().filter(strictly)
    }
}

/// Whether files that are there may be changed and replaced by who has these rights. Who can only write, and
/// neither see nor read nor delete, has a drop box: what is in it is somebody else's.
pub(super) fn changes_files(rights: Rights) -> bool {
    let more = [Right::List, Right::Read, Right::Delete];
    rights.has(Right::Write) && more.into_iter().any(|right| rights.has(right))
}

/// What becomes of a file whose name somebody with these rights gives to another one.
pub(super) fn renamed_over(rights: Rights) -> Existing {
    match changes_files(rights) || rights.has(Right::Delete) {
        true => Existing::Replaced,
        false => Existing::Kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_proto::server::Account;

    fn path(text: &str) -> VirtualPath {
        VirtualPath::root().join(text.as_bytes()).unwrap()
    }

    fn grants(all: Rights, rules: &[(&str, Rights)]) -> Grants {
        let account = Account::new("x".into(), all);
        let rules = rules.iter().map(|(at, rights)| Rule { beneath: path(at), rights: *rights });
        Grants::of(&Member { rules: rules.collect(), ..Member::new(account) })
    }

    #[test]
    fn the_longest_name_wins_and_none_exceeds_the_rights_over_all() {
        let write = Rights::of(Right::Write);
        let rules = [("/a", Rights::NONE), ("/a/b", Rights::WRITER), ("/", write)];
        let grants = grants(Rights::READER.with(Right::Write), &rules);
        assert_eq!(grants.at(&path("/x")), write);
        assert_eq!(grants.at(&path("/ab")), write);
        assert_eq!(grants.at(&path("/a/x")), Rights::NONE);
        assert_eq!(grants.at(&path("/a/b/c")), Rights::READER.with(Right::Write));
        assert!(grants.leads_on(&path("/a")) && !grants.leads_on(&path("/a/x")));
        assert!(grants.is_divided(&path("/a")) && !grants.is_divided(&path("/a/b")));
    }

    #[test]
    fn a_drop_box_is_not_flat_and_a_reader_and_a_writer_are() {
        let flat = |rights| grants(rights, &[]).are_flat();
        assert!(flat(Rights::READER) && flat(Rights::WRITER));
        assert!(!flat(Rights::of(Right::Write)) && !flat(Rights::READER.with(Right::Rename)));
    }
}
