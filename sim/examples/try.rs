use kafkalab_sim::{host, lab::Lab, recording::Happening, scenario, verdict::Verdict};
use std::sync::Arc;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let text = std::fs::read(&path).unwrap();
    let loaded = scenario::load(&path, &text, &scenario::LoadOptions::default())
        .map_err(|d| format!("{d:?}"))
        .unwrap();
    for v in &loaded.scenario.variants {
        for h in [host::Host::Plain, host::Host::Madsim] {
            let t = std::time::Instant::now();
            let lab = Lab::new(Arc::new(v.plan.clone()));
            let lab = if std::env::args().nth(2).is_some() { lab.recorded() } else { lab };
            let lab = if std::env::var("NOCHECK").is_ok() { lab.unchecked() } else { lab };
            let lab = std::thread::spawn(move || host::run(lab, h)).join().unwrap();
            let e = t.elapsed();
            let verdict = Verdict::on(&lab);
            println!("{:?} {:?} {:?}", v.name, h, e);
            println!("{verdict:#?} {:?}", lab.end());
            if std::env::args().nth(2).is_some() {
                for entry in lab.recorder().unwrap().entries() {
                    if let Happening::Noted(n) = &entry.what {
                        println!("{:>12} {:?} {:?}", entry.at.as_micros(), entry.node, n);
                    }
                    if let Happening::Told(n) = &entry.what {
                        println!("{:>12} {:?}", entry.at.as_micros(), n);
                    }
                }
                return;
            }
        }
    }
}
