//! The only user of `std::fs`: finds a scenario by path, on stdin, or among the built-in lessons; and
//! the files that it names.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kafkalab_sim::scenario::{Companion, LARGEST, builtin};

/// A scenario before anyone has looked into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What messages call it.
    pub name: String,
    /// Its bytes, at most one more than the largest scenario has.
    pub bytes: Vec<u8>,
    /// The folder in which the files lie that it names; `None` for a built-in lesson, which has none.
    pub folder: Option<PathBuf>,
}

impl Source {
    /// Opens a file that the scenario names: paths begin at its own folder.
    pub fn open(&self, path: &str) -> Result<Companion, String> {
        let Some(folder) = &self.folder else {
            return Err("a built-in lesson has no folder".to_owned());
        };
        let path = folder.join(path);
        match File::open(&path).and_then(capped) {
            Ok(bytes) => Ok(Companion { name: path.display().to_string(), bytes }),
            Err(error) => Err(reason(&error)),
        }
    }
}

/// Why there is nothing to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What is wrong.
    pub title: String,
    /// What to do; `None` if nobody can tell.
    pub help: Option<String>,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}

/// Reads the scenario called `name`: `-` is stdin, a lesson goes by number or id, all else is a path.
///
/// A name with a slash or an ending `.toml` is always a path, so that `./02` is never lesson 02.
pub fn read(name: &str) -> Result<Source, Unreadable> {
    if name == "-" {
        let bytes = capped(io::stdin().lock()).map_err(|error| unreadable("stdin", &error))?;
        return Ok(Source { name: "stdin".to_owned(), bytes, folder: Some(PathBuf::new()) });
    }
    let path = Path::new(name);
    let is_path = name.contains('/') || path.extension().is_some_and(|ending| ending == "toml");
    if !is_path && let Some(lesson) = builtin::find(name) {
        let name = format!("{}-{}.toml", lesson.number, lesson.id);
        return Ok(Source { name, bytes: lesson.text.as_bytes().to_vec(), folder: None });
    }
    match File::open(path).and_then(capped) {
        Ok(bytes) => {
            let folder = Some(path.parent().unwrap_or(Path::new("")).to_owned());
            Ok(Source { name: name.to_owned(), bytes, folder })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_path => Err(unknown(name)),
        Err(error) => Err(unreadable(name, &error)),
    }
}

/// All bytes, but never more than is needed to see that there are too many.
fn capped(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(name: &str, error: &io::Error) -> Unreadable {
    let why = reason(error);
    let help = (error.kind() == io::ErrorKind::IsADirectory)
        .then(|| format!("name the files in it: `{}/*.toml`", name.trim_end_matches('/')));
    Unreadable { title: format!("cannot read {name}: {why}"), help }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}

fn unknown(name: &str) -> Unreadable {
    let help = match builtin::nearest_id(name) {
        Some(near) => format!("a lesson with a similar name exists: {near}"),
        None => "`kafkalab lessons` lists the lessons".to_owned(),
    };
    Unreadable { title: format!("there is no lesson and no file called {name}"), help: Some(help) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lesson_is_read_by_number_and_by_id() {
        let by_number = read("2").expect("built in");
        assert_eq!(by_number.name, "02-acks-leader-crash.toml");
        assert_eq!(read("acks-leader-crash"), Ok(by_number));
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_lesson() {
        let problem = read("acks-leader-crush").expect_err("misspelt");
        assert_eq!(problem.title, "there is no lesson and no file called acks-leader-crush");
        let help = "a lesson with a similar name exists: acks-leader-crash";
        assert_eq!(problem.help.as_deref(), Some(help));
        let problem = read("./02").expect_err("a path");
        assert_eq!(problem.title, "cannot read ./02: there is no such file");
    }

    #[test]
    fn a_directory_is_not_a_scenario() {
        let problem = read("src/").expect_err("a directory");
        assert_eq!(problem.title, "cannot read src/: it is a directory");
    }

    #[test]
    fn reading_stops_when_it_is_too_much() {
        let bytes = capped(io::repeat(b'a')).expect("endless");
        assert_eq!(bytes.len(), LARGEST + 1);
    }
}
