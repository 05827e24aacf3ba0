//! The playground for a page: text in, text out, over the memory of WebAssembly, without generated glue.
//!
//! A page asks for [`room`], writes a request there and calls [`ask`]; the answer lies at [`answer`]. The worker of the
//! page is `site/worker.js`.

use std::cell::RefCell;

use gannet::playground::{Session, catalogue};

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

#[derive(Default)]
struct State {
    session: Session,
    request: Vec<u8>,
    answer: String,
}

/// Where `length` bytes of a request are to be written.
// SAFETY: the name is this crate's own.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: usize) -> *mut u8 {
    STATE.with_borrow_mut(|state| {
        state.request.clear();
        state.request.resize(length, 0);
        state.request.as_mut_ptr()
    })
}

/// Answers the request and returns the answer's length in bytes. An empty request asks for the catalogue.
// SAFETY: the name is this crate's own.
#[unsafe(no_mangle)]
pub extern "C" fn ask() -> usize {
    STATE.with_borrow_mut(|state| {
        let request = String::from_utf8_lossy(&state.request).into_owned();
        state.answer = if request.is_empty() { catalogue() } else { state.session.ask(&request) };
        state.answer.len()
    })
}

/// Where the last answer lies.
// SAFETY: the name is this crate's own.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u8 {
    STATE.with_borrow(|state| state.answer.as_ptr())
}
