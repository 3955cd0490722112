//! Blocks that start a program which goes on until it is told to stop: they take a terminal of their own.

/// `NAME=value cargo run -q -p package -- arguments`
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ServerLine {
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
}

impl ServerLine {
    /// What `block` starts, if it is one line that starts a program which goes on.
    pub(crate) fn parse(block: &str) -> Option<Self> {
        let joined = block.trim().replace("\\\n", " ");
        if joined.lines().count() != 1 {
            return None;
        }
        let mut words = joined.split('#').next()?.split_whitespace().map(str::to_owned).peekable();
        let mut variables = Vec::new();
        while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
            variables.push((name.to_owned(), value.to_owned()));
            words.next();
        }
        if (words.next()?, words.next()?) != ("cargo".to_owned(), "run".to_owned()) {
            return None;
        }
        let mut program = "quickstart".to_owned();
        let mut arguments = Vec::new();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-q" => {}
                "-p" => program = words.next()?,
                "--" => arguments.extend(words.by_ref()),
                _ => return None,
            }
        }
        let goes_on = arguments.is_empty() || arguments[0].starts_with("--");
        goes_on.then_some(Self { variables, program, arguments })
    }

    /// What it says when it is up.
    pub(crate) fn up(&self) -> &'static str {
        match self.program.as_str() {
            "quickstart" => "curl ",
            "order-service" => "order service up",
            "payment-service" => "payment service up",
            other => panic!("nobody knows when {other} is up"),
        }
    }
}

#[test]
fn what_goes_on_is_told_from_what_ends() {
    let line = ServerLine::parse("A=b cargo run -q -p payment-service  # its own terminal\n").unwrap();
    assert_eq!((line.program.as_str(), line.arguments.len(), line.variables.len()), ("payment-service", 0, 1));
    assert_eq!(ServerLine::parse("cargo run\n").unwrap().program, "quickstart");
    assert_eq!(ServerLine::parse("cargo run -- demo\n"), None);
    assert_eq!(ServerLine::parse("cargo run -q -p payment-service -- dlq list\n"), None);
    assert_eq!(ServerLine::parse("curl -s localhost\n"), None);
}
