//! `kafkalab explain FILE`: what went wrong in a run, in three sentences, and the command for more.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kafkalab_core::id::RecordId;
use kafkalab_sim::biography::{Analysis, Finding};
use kafkalab_sim::host::default_host;
use kafkalab_sim::lab::Lab;
use kafkalab_sim::remedy::{self, Effort};
use kafkalab_sim::scenario::plan::ClientKind;
use kafkalab_sim::scenario::{Lang, Scenario};
use kafkalab_sim::trouble::Trouble;
use serde_json::json;

use super::{paragraph, run_recorded, same_settings};
use crate::cli::args::{Common, ExplainArgs};
use crate::cli::exit::Exit;
use crate::cli::repeat::Asked;
use crate::cli::run::record_name;
use crate::cli::streams::Streams;
use crate::cli::{lang, load};
use crate::narrate::{Narrator, Subject};

/// Explains every variant of a scenario.
pub(super) fn run(
    args: &ExplainArgs,
    common: &Common,
    streams: &mut Streams,
    stop: &Arc<AtomicBool>,
) -> io::Result<Exit> {
    let options = args.load_options(common);
    let Some(scenario) = load::scenario(&args.what, &options, common.quiet, streams)? else {
        return Ok(Exit::Usage);
    };
    let asked = Asked { scenario: &args.what, common, expects: &[] };
    for (n, variant) in scenario.variants.iter().enumerate() {
        let plan = Arc::new(variant.plan.clone());
        let lab = match run_recorded(&plan, streams, stop)? {
            Ok(lab) => lab,
            Err(exit) => return Ok(exit),
        };
        let findings = Analysis::of(&lab).findings();
        let told = Told { scenario: &scenario, lab: &lab, findings: &findings };
        let (variant, command) =
            (variant.name.as_deref(), told.command(variant.name.as_deref(), asked));
        if common.json {
            let (en, ko) = (told.sentences(Lang::En, stop), told.sentences(Lang::Ko, stop));
            let line = json!({
                "v": 1, "k": "explanation", "variant": variant,
                "text": { "en": en.join(" "), "ko": ko.join(" ") }, "more": command,
            });
            writeln!(streams.out, "{line}")?;
            continue;
        }
        if n > 0 {
            writeln!(streams.out)?;
        }
        if let Some(name) = variant {
            writeln!(streams.out, "{name}")?;
        }
        for sentence in told.sentences(lang::chosen(common.lang), stop) {
            paragraph(&sentence, streams)?;
        }
        writeln!(streams.out, "{command}")?;
    }
    Ok(Exit::Pass)
}

/// One variant that was run.
struct Told<'a> {
    scenario: &'a Scenario,
    lab: &'a Lab,
    findings: &'a [Finding],
}

impl Told<'_> {
    /// The worst, and of that the cause that most records have.
    fn main(&self) -> Option<&Finding> {
        let worst = self.findings.first()?.trouble;
        let of_worst = self.findings.iter().filter(|finding| finding.trouble == worst);
        of_worst.reduce(|most, one| if one.records.len() > most.records.len() { one } else { most })
    }

    fn sentences(&self, lang: Lang, stop: &Arc<AtomicBool>) -> Vec<String> {
        let narrator = Narrator { plan: self.lab.plan(), lang };
        let sent = self.lab.ledger().totals().sent;
        let Some(finding) = self.main() else {
            let mut clients = self.lab.plan().clients.iter();
            let has_readers = clients.any(|c| matches!(c.kind, ClientKind::Consumer(_)));
            let pending = sent - self.lab.ledger().totals().acked;
            return vec![narrator.nothing(sent, pending, has_readers)];
        };
        let counts: Vec<_> = self.counts();
        let is_whole = finding.records.len() == finding.looked_at;
        let share = (!is_whole).then_some((finding.records.len(), finding.looked_at));
        let search = remedy::find(
            self.lab.plan(),
            finding.trouble,
            &finding.records,
            Effort::FULL,
            default_host(),
            stop,
        );
        let variant =
            search.remedy.as_ref().and_then(|remedy| same_settings(self.scenario, remedy));
        let of = Subject::of(finding).of;
        vec![
            narrator.summary(sent, &counts),
            narrator.why(&finding.cause, Subject::of(finding), share),
            narrator.remedy(finding.trouble, &search, variant, of),
        ]
    }

    /// Each trouble once, with the records in it.
    fn counts(&self) -> Vec<(Trouble, Vec<RecordId>)> {
        let mut seen = BTreeSet::new();
        let firsts = self.findings.iter().filter(|finding| seen.insert(finding.trouble));
        let count = |finding: &Finding| {
            (finding.trouble, finding.trouble.records(self.lab).into_iter().collect())
        };
        firsts.map(count).collect()
    }

    fn command(&self, variant: Option<&str>, asked: Asked<'_>) -> String {
        let mut main = self.main().into_iter().chain(self.findings);
        match main.find_map(|finding| finding.records.first()) {
            Some(id) => {
                let name = record_name(self.lab.plan(), *id);
                asked.explain(variant, name.strip_prefix('#').unwrap_or(&name))
            }
            None => asked.timeline(variant),
        }
    }
}
