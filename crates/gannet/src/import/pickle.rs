//! Reads a pickle as data: the opcodes that PyTorch's files are made of, and nothing that could run code.
//!
//! The format is that of Python's `pickletools`, protocols 0 to 5. A name is looked up in the list of what a state dict
//! needs ([`calls`]) the moment it is read, and refused if it is not there; calling is understood for
//! `_rebuild_tensor_v2`, `_rebuild_parameter` and `OrderedDict` only. Containers lie in tables and are referred to by
//! number, as they may contain themselves and each other to any depth.

mod calls;

use std::collections::HashMap;
use std::rc::Rc;

use calls::Global;

use super::element::{Element, View};

/// The longest pickle, in bytes: a million tensors' names.
pub(super) const MAX_BYTES: usize = 64 << 20;

/// A value on the pickle's stack.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    None,
    Bool,
    Int(i64),
    Float,
    Text(Rc<str>),
    /// A list or tuple, by its place in [`Pickle::sequences`].
    Sequence(usize),
    /// A dict, by its place in [`Pickle::dicts`].
    Dict(usize),
    /// By its place in [`Pickle::storages`].
    Storage(usize),
    /// By its place in [`Pickle::tensors`].
    Tensor(usize),
    Global(Global),
}

/// A block of numbers beside the pickle.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage {
    pub(super) element: Element,
    /// What it is called in the file.
    pub(super) key: Rc<str>,
    /// Its elements, the first of them at `offset` of the block called `key`.
    pub(super) n: usize,
    pub(super) offset: usize,
}

/// A view of a storage.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    /// By its place in [`Pickle::storages`].
    pub(super) storage: usize,
    pub(super) view: View,
}

/// A pickle that was read to its end.
pub(super) struct Pickle {
    pub(super) root: Value,
    pub(super) sequences: Vec<Vec<Value>>,
    pub(super) dicts: Vec<Vec<(Value, Value)>>,
    pub(super) storages: Vec<Storage>,
    pub(super) tensors: Vec<Tensor>,
    /// The byte behind it.
    pub(super) end: usize,
}

/// Reads the pickle that begins at byte `start` of `bytes`. Errors name bytes of `bytes`.
pub(super) fn parse(bytes: &[u8], start: usize) -> Result<Pickle, String> {
    let mut machine = Machine {
        bytes: &bytes[..bytes.len().min(start.saturating_add(MAX_BYTES))],
        is_cut: bytes.len() > start.saturating_add(MAX_BYTES),
        at: start,
        stack: vec![],
        marks: vec![],
        memo: HashMap::new(),
        pickle: Pickle {
            root: Value::None,
            sequences: vec![],
            dicts: vec![],
            storages: vec![],
            tensors: vec![],
            end: start,
        },
    };
    loop {
        let opcode_at = machine.at;
        match machine.step() {
            Ok(false) => {}
            Ok(true) => return Ok(machine.pickle),
            Err(reason) => return Err(format!("{reason}, at byte {opcode_at} of its pickle")),
        }
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    is_cut: bool,
    at: usize,
    stack: Vec<Value>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u64, Value>,
    pickle: Pickle,
}

impl<'a> Machine<'a> {
    /// Executes one opcode; whether it was the last one.
    fn step(&mut self) -> Result<bool, String> {
        let [opcode] = self.array()?;
        match opcode {
            b'.' => {
                self.pickle.root = self.pop()?;
                self.pickle.end = self.at;
                return Ok(true);
            }
            // Protocol and frame say nothing that matters here.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.popped_to_mark()?),
            b'2' => self.push(self.top()?.clone()),

            b'N' => self.push(Value::None),
            0x88 | 0x89 => self.push(Value::Bool),
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(value.into()));
            }
            b'K' => {
                let [value] = self.array()?;
                self.push(Value::Int(value.into()));
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(value.into()));
            }
            0x8a => self.long()?,
            b'G' => {
                self.take(8)?;
                self.push(Value::Float);
            }
            b'X' | b'T' => {
                let n = u32::from_le_bytes(self.array()?);
                self.text(n.into())?;
            }
            0x8c | b'U' => {
                let [n] = self.array()?;
                self.text(n.into())?;
            }
            0x8d => {
                let n = u64::from_le_bytes(self.array()?);
                self.text(n)?;
            }

            b']' | b')' => self.push_sequence(vec![]),
            b't' | b'l' => {
                let items = self.popped_to_mark()?;
                self.push_sequence(items);
            }
            0x85..=0x87 => {
                let n = usize::from(opcode - 0x84);
                let items = self.popped(n)?;
                self.push_sequence(items);
            }
            b'}' => self.push_dict(),
            b'a' => {
                let items = self.popped(1)?;
                self.append(items)?;
            }
            b'e' => {
                let items = self.popped_to_mark()?;
                self.append(items)?;
            }
            b's' => {
                let items = self.popped(2)?;
                self.set(items)?;
            }
            b'u' => {
                let items = self.popped_to_mark()?;
                self.set(items)?;
            }

            b'q' => {
                let [place] = self.array()?;
                self.remember(place.into())?;
            }
            b'r' => {
                let place = u32::from_le_bytes(self.array()?);
                self.remember(place.into())?;
            }
            0x94 => self.remember(self.memo.len() as u64)?,
            b'h' => {
                let [place] = self.array()?;
                self.recall(place.into())?;
            }
            b'j' => {
                let place = u32::from_le_bytes(self.array()?);
                self.recall(place.into())?;
            }

            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                self.global(module, name)?;
            }
            0x93 => match self.popped(2)?.as_slice() {
                [Value::Text(module), Value::Text(name)] => self.global(module, name)?,
                _ => return Err("a name that is not text".to_owned()),
            },
            b'Q' => self.persistent()?,
            b'R' => self.call()?,
            b'b' => {
                // The attributes of a dict, as the versions of a state dict's modules.
                self.pop()?;
                if !matches!(self.top()?, Value::Dict(_)) {
                    return Err("it sets attributes of something other than a dict".to_owned());
                }
            }
            other => return Err(format!("opcode 0x{other:02x} has no place in a file of weights")),
        }
        Ok(false)
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let taken = self.at.checked_add(n).and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| {
            let reason = if self.is_cut { "the pickle is longer than 64 MB" } else { "the file ends too early" };
            reason.to_owned()
        })?;
        self.at += n;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.at..];
        let n = rest.iter().position(|&byte| byte == b'\n').ok_or("the file ends too early")?;
        let line = std::str::from_utf8(self.take(n + 1)?).map_err(|_| "a name that is not text")?;
        Ok(line.trim_end_matches('\n'))
    }

    fn text(&mut self, n: u64) -> Result<(), String> {
        let n = usize::try_from(n).map_err(|_| "the file ends too early")?;
        let text = String::from_utf8_lossy(self.take(n)?);
        self.push(Value::Text(text.into()));
        Ok(())
    }

    /// A whole number of up to eight bytes, two's complement.
    fn long(&mut self) -> Result<(), String> {
        let [n] = self.array()?;
        let digits = self.take(n.into())?;
        if digits.len() > 8 {
            return Err(format!("a number of {n} bytes, accepted: up to 8"));
        }
        let is_negative = digits.last().is_some_and(|&last| last >= 0x80);
        let mut whole = [if is_negative { 0xff } else { 0 }; 8];
        whole[..digits.len()].copy_from_slice(digits);
        self.push(Value::Int(i64::from_le_bytes(whole)));
        Ok(())
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn push_sequence(&mut self, items: Vec<Value>) {
        self.pickle.sequences.push(items);
        self.push(Value::Sequence(self.pickle.sequences.len() - 1));
    }

    fn push_dict(&mut self) {
        self.pickle.dicts.push(vec![]);
        self.push(Value::Dict(self.pickle.dicts.len() - 1));
    }

    /// How many values lie above the last mark.
    fn n_reachable(&self) -> usize {
        self.stack.len() - self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<&Value, String> {
        self.stack.last().filter(|_| self.n_reachable() > 0).ok_or_else(|| "the stack is empty".to_owned())
    }

    fn popped(&mut self, n: usize) -> Result<Vec<Value>, String> {
        if self.n_reachable() < n {
            return Err("the stack is empty".to_owned());
        }
        Ok(self.stack.split_off(self.stack.len() - n))
    }

    fn pop(&mut self) -> Result<Value, String> {
        self.top()?;
        self.stack.pop().ok_or_else(|| "the stack is empty".to_owned())
    }

    fn popped_to_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.marks.pop().ok_or("the stack has no mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn append(&mut self, items: Vec<Value>) -> Result<(), String> {
        let &Value::Sequence(place) = self.top()? else { return Err("it appends to what is no list".to_owned()) };
        self.pickle.sequences[place].extend(items);
        Ok(())
    }

    fn set(&mut self, items: Vec<Value>) -> Result<(), String> {
        let &Value::Dict(place) = self.top()? else { return Err("it sets an item of what is no dict".to_owned()) };
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("a key has no value".to_owned());
        }
        self.pickle.dicts[place].extend(pairs.iter().cloned().map(|[key, value]| (key, value)));
        Ok(())
    }

    fn remember(&mut self, place: u64) -> Result<(), String> {
        self.memo.insert(place, self.top()?.clone());
        Ok(())
    }

    fn recall(&mut self, place: u64) -> Result<(), String> {
        let value = self.memo.get(&place).cloned();
        self.push(value.ok_or_else(|| format!("it recalls value {place}, which was never stored"))?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(bytes: &[u8]) -> String {
        parse(bytes, 0).err().unwrap()
    }

    #[test]
    fn depth_costs_no_stack() {
        let mut nested = vec![b')'];
        nested.resize(200_000, 0x85);
        nested.push(b'.');
        assert_eq!(parse(&nested, 0).ok().unwrap().sequences.len(), 200_000);
    }

    #[test]
    fn a_list_may_contain_itself() {
        let pickle = parse(b"]q\x00h\x00a.", 0).ok().unwrap();
        assert_eq!((pickle.root, pickle.sequences), (Value::Sequence(0), vec![vec![Value::Sequence(0)]]));
    }

    #[test]
    fn announced_lengths_take_no_memory() {
        for bytes in [&b"X\xff\xff\xff\xff"[..], b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff", b"\x8a\xff", b"ctorch"] {
            assert!(reason(bytes).starts_with("the file ends too early"), "{}", reason(bytes));
        }
        assert!(reason(b"X\0\0\0\0j\xff\xff\xff\xff").contains("recalls value 4294967295"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        assert_eq!(reason(b"N0."), "the stack is empty, at byte 2 of its pickle");
        assert_eq!(reason(b"Nt"), "the stack has no mark, at byte 1 of its pickle");
        assert_eq!(reason(b"(0"), "the stack is empty, at byte 1 of its pickle");
        assert!(reason(b"}N\x85R").contains("a call that rebuilds no tensor"));
        assert!(reason(b"NQ").contains("list or tuple"));
        assert!(reason(b"(iposix\nsystem\n.").contains("opcode 0x69"));
        assert!(reason(b"cbuiltins\neval\n.").contains("`builtins.eval`"));
        assert!(reason(b"X\x05\0\0\0posixX\x06\0\0\0system\x93.").contains("`posix.system`"));
    }

    #[test]
    fn whole_numbers_are_twos_complement() {
        let whole = |bytes: &[u8]| parse(bytes, 0).ok().unwrap().root;
        assert_eq!(whole(b"\x8a\x00."), Value::Int(0));
        assert_eq!(whole(b"\x8a\x02\xff\x00."), Value::Int(255));
        assert_eq!(whole(b"\x8a\x01\xff."), Value::Int(-1));
        assert_eq!(whole(b"J\xfe\xff\xff\xff."), Value::Int(-2));
    }
}
