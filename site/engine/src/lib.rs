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

/// The identities of Burn's parameters are random; in a page they only have to differ. All that is random in a game comes
/// from the library's own streams.
// SAFETY: the name is the one that `getrandom` asks of a custom backend; the caller hands over `length` writable bytes.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(place: *mut u8, length: usize) -> Result<(), getrandom::Error> {
    thread_local!(static NEXT: RefCell<u64> = const { RefCell::new(0x9e37_79b9_7f4a_7c15) });
    // SAFETY: as above.
    let bytes = unsafe { std::slice::from_raw_parts_mut(place, length) };
    NEXT.with_borrow_mut(|next| {
        for byte in bytes {
            // xorshift64* (Vigna 2016).
            *next ^= *next >> 12;
            *next ^= *next << 25;
            *next ^= *next >> 27;
            *byte = (next.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8;
        }
    });
    Ok(())
}
