//! Leaves of a WebAssembly module what a page needs: `shrink FROM TO EXPORT...`.
//!
//! Crates that could talk to a browser bring descriptions of all its functions, for a tool that generates glue. There is
//! no glue here, and the descriptions are a quarter of the module. Sections that no engine reads go, and so do exports
//! other than those named, with the memory (WebAssembly core specification 2.0, sections 5.5.3 and 5.5.10).

use std::error::Error;
use std::{env, fs};

const CUSTOM: u8 = 0;
const EXPORTS: u8 = 7;
/// Magic number and version.
const HEAD: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [from, to, kept @ ..] = &words[..] else { return Err("usage: shrink FROM TO EXPORT...".into()) };
    let module = fs::read(from)?;
    let mut shrunk = module.get(..HEAD).ok_or("this is no module")?.to_vec();
    let mut rest = Reader(&module[HEAD..]);
    while let Some(kind) = rest.byte() {
        let content = rest.sized()?;
        match kind {
            CUSTOM => {}
            EXPORTS => write(&mut shrunk, kind, &exports(content, kept)?),
            _ => write(&mut shrunk, kind, content),
        }
    }
    fs::write(to, shrunk)?;
    Ok(())
}

/// The section of exports with the `kept` ones and the memory.
fn exports(content: &[u8], kept: &[String]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut rest = Reader(content);
    let (mut n, mut entries) = (0, vec![]);
    for _ in 0..rest.number()? {
        let name = rest.sized()?;
        let kind = rest.byte().ok_or("an export ends early")?;
        let index = rest.number()?;
        if name == b"memory" || kept.iter().any(|kept| kept.as_bytes() == name) {
            n += 1;
            entries.extend(number(name.len()));
            entries.extend(name);
            entries.push(kind);
            entries.extend(number(index));
        }
    }
    if n != kept.len() + 1 {
        return Err(format!("the module exports {n} of memory, {}", kept.join(", ")).into());
    }
    Ok([number(n), entries].concat())
}

fn write(module: &mut Vec<u8>, kind: u8, content: &[u8]) {
    module.push(kind);
    module.extend(number(content.len()));
    module.extend(content);
}

/// Unsigned LEB128: seven bits a byte, the lowest first.
fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = vec![];
    while value > 127 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn number(&mut self) -> Result<usize, Box<dyn Error>> {
        let mut value = 0;
        for place in (0..35).step_by(7) {
            let byte = self.byte().ok_or("a number ends early")?;
            value |= usize::from(byte & 127) << place;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err("a number is too long".into())
    }

    /// Bytes that stand behind their number.
    fn sized(&mut self) -> Result<&'a [u8], Box<dyn Error>> {
        let n = self.number()?;
        let (taken, rest) = self.0.split_at_checked(n).ok_or("the module ends early")?;
        self.0 = rest;
        Ok(taken)
    }
}
