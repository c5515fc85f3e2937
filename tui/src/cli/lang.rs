//! The language of texts: a flag, or the environment.

use clap::ValueEnum;
use kafkalab_sim::scenario::Lang;

/// The languages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LangFlag {
    /// English.
    En,
    /// Korean.
    Ko,
}

impl From<LangFlag> for Lang {
    fn from(flag: LangFlag) -> Self {
        match flag {
            LangFlag::En => Self::En,
            LangFlag::Ko => Self::Ko,
        }
    }
}

/// The flag decides, else the first of these variables that is set and not empty, as POSIX has it.
pub fn choose(flag: Option<LangFlag>, variable: impl Fn(&str) -> Option<String>) -> Lang {
    let from_locale = |locale: String| if locale.starts_with("ko") { Lang::Ko } else { Lang::En };
    let variables = ["KAFKALAB_LANG", "LC_ALL", "LC_MESSAGES", "LANG"];
    let mut set = variables.into_iter().filter_map(variable).filter(|value| !value.is_empty());
    flag.map(Lang::from).or_else(|| set.next().map(from_locale)).unwrap_or_default()
}

/// As [`choose`], from the real environment.
pub fn chosen(flag: Option<LangFlag>) -> Lang {
    choose(flag, |name| std::env::var(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(flag: Option<LangFlag>, environment: &[(&str, &str)], expect: Lang) {
        let variable = |name: &str| {
            let found = environment.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(choose(flag, variable), expect);
    }

    #[test]
    fn the_nearest_wish_wins() {
        check(None, &[], Lang::En);
        check(None, &[("LANG", "ko_KR.UTF-8")], Lang::Ko);
        check(None, &[("LANG", "ko_KR.UTF-8"), ("LC_ALL", "C")], Lang::En);
        check(None, &[("LANG", "ko_KR.UTF-8"), ("LC_ALL", "")], Lang::Ko);
        check(None, &[("LC_ALL", "C"), ("KAFKALAB_LANG", "ko")], Lang::Ko);
        check(Some(LangFlag::En), &[("KAFKALAB_LANG", "ko")], Lang::En);
    }
}
