//! The options of the command line.

pub(crate) const HELP: &str = "\
Usage: cargo bench --bench instructions -- [OPTIONS]

  --only NAME,NAME   only the scenes whose names contain one of these
  --update           count everything and write the baseline anew

Counts the instructions of each operation under valgrind, and fails with exit code 3 if one takes 3 % more
than benches/instructions/baseline.json says. With another compiler than the baseline's it only reports.";

pub(crate) enum Choice {
    Help,
    Count(Options),
    /// The program's call of itself under valgrind: play a scene, and do its work this number of
    /// times.
    Perform {
        scene: String,
        worked: usize,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) update: bool,
    only: Vec<String>,
}

impl Options {
    pub(crate) fn from_arguments(
        arguments: impl Iterator<Item = String>,
    ) -> Result<Choice, String> {
        let mut arguments = arguments.peekable();
        // `cargo bench` passes --bench; `cargo test --all-targets` passes nothing, and must not run
        // this bench.
        if arguments.peek().is_none() {
            return Ok(Choice::Help);
        }
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                // Cargo adds it.
                "--bench" => {}
                "--help" | "-h" => return Ok(Choice::Help),
                "--update" => options.update = true,
                "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
                "--perform" => {
                    let (scene, worked) = (value()?, value()?);
                    let worked = worked.parse().map_err(|_| format!("{worked} is not a number"))?;
                    return Ok(Choice::Perform { scene, worked });
                }
                _ => return Err(format!("{argument} is not an option; see --help")),
            }
        }
        match options.update && !options.only.is_empty() {
            true => Err("--update counts everything and cannot be combined with --only".into()),
            false => Ok(Choice::Count(options)),
        }
    }

    pub(crate) fn chooses(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }
}
