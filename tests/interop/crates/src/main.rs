//! Published crates as judges, driven by tests: what each command reads and writes stands with its function.

mod noise;
mod sphinx;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["noise-respond", secret] => noise::respond(secret),
        ["noise-initiate", secret, responder, port] => noise::initiate(secret, responder, port.parse()?),
        ["sphinx"] => sphinx::answer_lines(),
        _ => Err("commands: noise-respond SECRET, noise-initiate SECRET RESPONDER PORT, sphinx".into()),
    }
}
