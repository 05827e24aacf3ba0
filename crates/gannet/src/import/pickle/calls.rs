//! What a pickle may call: the functions and classes that a tensor is rebuilt from, by name, and what each comes to.

use std::rc::Rc;

use super::super::element::{Element, View};
use super::{Machine, Storage, Tensor, Value};

/// What a pickle may name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Element),
}

impl Global {
    /// The allow-list.
    fn find(module: &str, name: &str) -> Option<Self> {
        match (module, name) {
            ("collections", "OrderedDict") => Some(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Some(Self::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Some(Self::RebuildParameter),
            ("torch", name) => Element::of_storage(name).map(Self::Storage),
            _ => None,
        }
    }
}

impl Machine<'_> {
    /// Pushes what `module.name` stands for.
    pub(super) fn global(&mut self, module: &str, name: &str) -> Result<(), String> {
        let global = Global::find(module, name).ok_or_else(|| {
            let [module, name] = [module, name].map(|text| text.chars().take(80).collect::<String>());
            format!(
                "it calls for `{}`, which is no part of a tensor and is not run; accepted: tensors by name, as \
                 torch.save(model.state_dict(), ...) writes them",
                format!("{module}.{name}").escape_debug()
            )
        })?;
        self.push(Value::Global(global));
        Ok(())
    }

    fn items(&self, value: &Value) -> Result<&[Value], String> {
        match value {
            Value::Sequence(place) => Ok(&self.pickle.sequences[*place]),
            _ => Err("something other than a list or tuple stands where one is needed".to_owned()),
        }
    }

    /// A storage: `("storage", class, key, device, elements)`, in the legacy format with a sixth item that is nothing or
    /// `(key, offset, elements)` of a part of it.
    pub(super) fn persistent(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        let storage = match self.items(&id)? {
            [Value::Text(kind), Value::Global(Global::Storage(element)), Value::Text(key), _, n, rest @ ..]
                if **kind == *"storage" =>
            {
                let whole = Storage { element: *element, key: Rc::clone(key), n: size(n)?, offset: 0 };
                match rest {
                    [] | [Value::None] => whole,
                    [part] => match self.items(part)? {
                        [_, offset, n] => Storage { n: size(n)?, offset: size(offset)?, ..whole },
                        _ => return Err("a part of a storage that cannot be read".to_owned()),
                    },
                    _ => return Err("a storage that cannot be read".to_owned()),
                }
            }
            _ => return Err("a reference to something other than a storage".to_owned()),
        };
        self.pickle.storages.push(storage);
        self.push(Value::Storage(self.pickle.storages.len() - 1));
        Ok(())
    }

    /// Calls what lies below its arguments.
    pub(super) fn call(&mut self) -> Result<(), String> {
        let arguments = self.pop()?;
        let function = self.pop()?;
        let arguments = self.items(&arguments)?;
        match (function, arguments) {
            (Value::Global(Global::OrderedDict), []) => self.push_dict(),
            (Value::Global(Global::RebuildParameter), [Value::Tensor(tensor), ..]) => {
                let tensor = Value::Tensor(*tensor);
                self.push(tensor);
            }
            (Value::Global(Global::RebuildTensor), [Value::Storage(storage), offset, shape, stride, ..]) => {
                let sizes = |value| self.items(value)?.iter().map(size).collect::<Result<Vec<_>, _>>();
                let storage = *storage;
                let view = View { offset: size(offset)?, shape: sizes(shape)?, stride: sizes(stride)? };
                view.check(self.pickle.storages[storage].n)?;
                self.pickle.tensors.push(Tensor { storage, view });
                self.push(Value::Tensor(self.pickle.tensors.len() - 1));
            }
            _ => return Err("a call that rebuilds no tensor".to_owned()),
        }
        Ok(())
    }
}

/// A length or place.
fn size(value: &Value) -> Result<usize, String> {
    match value {
        Value::Int(n) => usize::try_from(*n).map_err(|_| format!("a size of {n}")),
        _ => Err("a size that is no whole number".to_owned()),
    }
}
