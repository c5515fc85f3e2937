//! Command lines that show the same thing again: the last line of every failure.

use super::args::Common;

/// What was asked for, as far as another command must repeat it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The scenario as it was named.
    pub scenario: &'a str,
    /// The flags of every verb.
    pub common: &'a Common,
    /// `--expect`.
    pub expects: &'a [String],
}

impl Asked<'_> {
    /// The command that tells the story of one record.
    pub fn explain(&self, variant: Option<&str>, record: &str) -> String {
        let mut line = self.line("explain", variant);
        line.extend(["--record".to_owned(), quoted(record)]);
        line.join(" ")
    }

    /// The command that shows one variant event by event.
    pub fn timeline(&self, variant: Option<&str>) -> String {
        let mut line = self.line("run", variant);
        for expect in self.expects {
            line.extend(["--expect".to_owned(), quoted(expect)]);
        }
        line.push("--timeline".to_owned());
        line.join(" ")
    }

    fn line(&self, verb: &str, variant: Option<&str>) -> Vec<String> {
        let mut line = vec!["kafkalab".to_owned(), verb.to_owned(), quoted(self.scenario)];
        let (of_file, sets) = take_apart(variant, &self.common.sets);
        if let Some(name) = of_file {
            line.extend(["--variant".to_owned(), quoted(&name)]);
        }
        for (key, value) in sets {
            line.extend(["--set".to_owned(), quoted(&format!("{key}={value}"))]);
        }
        for sentence in &self.common.injects {
            line.extend(["--inject".to_owned(), quoted(sentence)]);
        }
        if let Some(seed) = self.common.seed {
            line.extend(["--seed".to_owned(), seed.to_string()]);
        }
        line
    }
}

/// A variant that a list of `--set` made goes by its values: the name of the file's variant that it
/// comes from, if any, and every setting with the one value it has there.
fn take_apart(
    variant: Option<&str>,
    sets: &[(String, String)],
) -> (Option<String>, Vec<(String, String)>) {
    let mut rest = variant.map(str::to_owned);
    let mut single = Vec::new();
    for (key, values) in sets.iter().rev() {
        let mut chosen = values.clone();
        if let Some(name) = &rest {
            let own = members(values).into_iter().find_map(|value| {
                let before = name.strip_suffix(&format!("{key}={value}"))?;
                (before.is_empty() || before.ends_with(' ')).then_some((before.trim_end(), value))
            });
            if let Some((before, value)) = own {
                value.clone_into(&mut chosen);
                rest = (!before.is_empty()).then(|| before.to_owned());
            }
        }
        single.push((key.clone(), chosen));
    }
    single.reverse();
    (rest, single)
}

/// The members of a list, separated by commas outside of all brackets.
fn members(values: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let is_between = |sign: char| {
        match sign {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        sign == ',' && depth == 0
    };
    values.split(is_between).map(str::trim).collect()
}

/// One word for a shell: as it is where that is safe, else in single quotes.
fn quoted(word: &str) -> String {
    let is_plain = |sign: char| sign.is_ascii_alphanumeric() || "_-./:=,@%+#".contains(sign);
    if !word.is_empty() && word.chars().all(is_plain) && !word.starts_with('#') {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(quoted("acks-1"), "acks-1");
        assert_eq!(quoted("lost == 0"), "'lost == 0'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("leader(orders-0)"), "'leader(orders-0)'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn everything_that_made_the_run_is_repeated() {
        let set = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let common = Common {
            seed: Some(7),
            sets: vec![set("acks", "0,1"), set("n", "5")],
            injects: vec!["at 1s: kill b1".to_owned()],
            ..Common::default()
        };
        let expects = ["lost == 0".to_owned()];
        let asked = Asked { scenario: "my file.toml", common: &common, expects: &expects };
        assert_eq!(
            asked.timeline(Some("slow acks=1")),
            "kafkalab run 'my file.toml' --variant slow --set acks=1 --set n=5 \
             --inject 'at 1s: kill b1' --seed 7 --expect 'lost == 0' --timeline"
        );
        assert_eq!(
            asked.explain(Some("acks=0"), "3"),
            "kafkalab explain 'my file.toml' --set acks=0 --set n=5 --inject 'at 1s: kill b1' \
             --seed 7 --record 3"
        );
    }

    #[test]
    fn a_list_inside_brackets_is_one_value() {
        assert_eq!(members("[a, b],c"), ["[a, b]", "c"]);
    }
}
