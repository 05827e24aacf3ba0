//! AMX: registers of 16 x 16 sums, each from 16 rows and 16 columns of 16 pairs. The instructions are written as assembly,
//! since the compiler does not offer them yet.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;

use super::{GROUP, RunBlock, Segment};
use crate::cell::Pair;

/// Rows and columns of a register.
const SIDE: usize = 16;

/// Whether the processor has tiles of bf16 and the kernel lets this process use them.
pub(super) fn is_available() -> bool {
    /// System call, request and subject of asking for the state of tiles (Linux, `arch/x86/include/uapi/asm/prctl.h`).
    const ARCH_PRCTL: i64 = 158;
    const REQUEST_PERMISSION: i64 = 0x1023;
    const TILE_DATA: i64 = 18;
    let has_tiles = is_x86_feature_detected!("avx512f") && {
        let features = __cpuid_count(7, 0).edx;
        features & 1 << 22 != 0 && features & 1 << 24 != 0
    };
    has_tiles && {
        let refused: i64;
        // SAFETY: the call changes nothing but what this process may use.
        unsafe {
            asm!(
                "syscall",
                inlateout("rax") ARCH_PRCTL => refused,
                in("rdi") REQUEST_PERMISSION,
                in("rsi") TILE_DATA,
                lateout("rcx") _,
                lateout("r11") _,
                options(nostack),
            );
        }
        refused == 0
    }
}

/// Eight registers of 16 rows of 64 bytes (Intel, Software Developer's Manual, `LDTILECFG`).
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

static CONFIGURATION: Configuration = {
    let mut configuration =
        Configuration { palette: 1, start_row: 0, reserved: [0; 14], bytes: [0; 16], rows: [0; 16] };
    let mut register = 0;
    while register < 8 {
        configuration.bytes[register] = 64;
        configuration.rows[register] = SIDE as u8;
        register += 1;
    }
    configuration
};

/// A block of `16 TALL` rows, 1 or 2, and 32 columns.
///
/// # Safety
/// See [`Block::multiply`](super::Block::multiply); [`is_available`] has said yes.
pub(super) unsafe fn block<const TALL: usize>(
    depth: usize,
    mut left: *const Pair,
    mut right: *const Pair,
    sums: *mut f32,
    stride: usize,
    is_more: bool,
) {
    let row = stride * size_of::<f32>();
    // SAFETY: the registers are used by nothing else, and every access is within what the caller vouches for.
    unsafe {
        let [wide, low, low_wide] = [SIDE, SIDE * stride, SIDE * stride + SIDE].map(|at| sums.wrapping_add(at));
        asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(nostack, readonly));
        if is_more {
            asm!("tileloadd tmm0, [{a} + {row}]", "tileloadd tmm1, [{b} + {row}]",
                a = in(reg) sums, b = in(reg) wide, row = in(reg) row, options(nostack, readonly));
            if TALL == 2 {
                asm!("tileloadd tmm2, [{a} + {row}]", "tileloadd tmm3, [{b} + {row}]",
                    a = in(reg) low, b = in(reg) low_wide, row = in(reg) row, options(nostack, readonly));
            }
        } else {
            asm!("tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3", options(nostack, nomem));
        }
        for _ in 0..depth.div_ceil(GROUP) {
            asm!(
                "tileloadd tmm4, [{left} + {left_row}]",
                "tileloadd tmm6, [{right} + {right_row}]",
                "tileloadd tmm7, [{wide} + {right_row}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                left = in(reg) left,
                right = in(reg) right,
                wide = in(reg) right.add(SIDE),
                left_row = in(reg) GROUP * size_of::<Pair>(),
                right_row = in(reg) 2 * SIDE * size_of::<Pair>(),
                options(nostack, readonly),
            );
            if TALL == 2 {
                asm!(
                    "tileloadd tmm5, [{left} + {left_row}]",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    left = in(reg) left.add(SIDE * GROUP),
                    left_row = in(reg) GROUP * size_of::<Pair>(),
                    options(nostack, readonly),
                );
            }
            left = left.add(TALL * SIDE * GROUP);
            right = right.add(GROUP * 2 * SIDE);
        }
        asm!("tilestored [{a} + {row}], tmm0", "tilestored [{b} + {row}], tmm1",
            a = in(reg) sums, b = in(reg) wide, row = in(reg) row, options(nostack));
        if TALL == 2 {
            asm!("tilestored [{a} + {row}], tmm2", "tilestored [{b} + {row}], tmm3",
                a = in(reg) low, b = in(reg) low_wide, row = in(reg) row, options(nostack));
        }
        asm!("tilerelease", options(nostack, nomem));
    }
}

/// Does `work` with registers that are configured.
///
/// # Safety
/// [`is_available`] has said yes, and `work` uses no tiles but by [`block_of_runs`].
#[inline(always)]
pub(super) unsafe fn configured(work: impl FnOnce()) {
    // SAFETY: the registers are there, and nothing else uses them meanwhile.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(nostack, readonly)) };
    work();
    // SAFETY: as above.
    unsafe { asm!("tilerelease", options(nostack, nomem)) };
}

/// A block of 32 rows and two runs of 16 lanes, of numbers in halves: of the four products of their halves three, all but that
/// of the lower ones.
///
/// # Safety
/// See [`RunBlock::multiply`]; this is within [`configured`].
pub(super) unsafe fn block_of_runs(segments: &[Segment<'_>], mut left: *const f32, sums: *mut f32, is_more: bool) {
    /// Words of a register.
    const TILE: usize = SIDE * SIDE;
    const ROW: usize = SIDE * size_of::<f32>();
    const SUMS_ROW: usize = 2 * ROW;
    // SAFETY: the registers are used by nothing else, and every access is within what the caller vouches for.
    unsafe {
        let [wide, low, low_wide] = [SIDE, 2 * TILE, 2 * TILE + SIDE].map(|at| sums.wrapping_add(at));
        if is_more {
            asm!("tileloadd tmm0, [{a} + {row}]", "tileloadd tmm1, [{b} + {row}]",
                "tileloadd tmm2, [{c} + {row}]", "tileloadd tmm3, [{d} + {row}]",
                a = in(reg) sums, b = in(reg) wide, c = in(reg) low, d = in(reg) low_wide, row = in(reg) SUMS_ROW,
                options(nostack, readonly));
        } else {
            asm!("tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3", options(nostack, nomem));
        }
        for segment in segments {
            let [mut first, mut second] = [0, 1].map(|run: usize| segment.runs[run].as_ptr());
            for _ in 0..segment.depth / RunBlock::HALVED {
                asm!(
                    // The upper halves of the left side, the lower ones of the right side.
                    "tileloadd tmm4, [{left} + {row}]",
                    "tileloadd tmm6, [{first} + {row} + 1024]",
                    "tileloadd tmm7, [{second} + {row} + 1024]",
                    "tileloadd tmm5, [{left} + {row} + 1024]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    // The upper halves of both.
                    "tileloadd tmm6, [{first} + {row}]",
                    "tileloadd tmm7, [{second} + {row}]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    // The lower halves of the left side, the upper ones of the right side.
                    "tileloadd tmm4, [{left} + {row} + 2048]",
                    "tileloadd tmm5, [{left} + {row} + 3072]",
                    "tdpbf16ps tmm0, tmm4, tmm6",
                    "tdpbf16ps tmm1, tmm4, tmm7",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    left = in(reg) left,
                    first = in(reg) first,
                    second = in(reg) second,
                    row = in(reg) ROW,
                    options(nostack, readonly),
                );
                left = left.add(4 * TILE);
                first = first.add(2 * TILE);
                second = second.add(2 * TILE);
            }
        }
        asm!("tilestored [{a} + {row}], tmm0", "tilestored [{b} + {row}], tmm1",
            "tilestored [{c} + {row}], tmm2", "tilestored [{d} + {row}], tmm3",
            a = in(reg) sums, b = in(reg) wide, c = in(reg) low, d = in(reg) low_wide, row = in(reg) SUMS_ROW,
            options(nostack));
    }
}
