"""The compiled functions that calibrate a piece of a light; importing this needs numba.

The steps are those of recipe.py, on blocks that stay in the nearest cache from the first step to the last:
what is read comes in once, and goes out once. DATASUM is made of words of 32 bits, and so all else is, too.
They stay in one file: numba compiles a function anew when its own file has changed.
"""

import numpy as np

from capture.library.compiling import compiled
from capture.library.recipe import HOT, NO_VALUE, SATURATED, UNLIT

# Places in the totals: sums of light, bias, dark and flat come first, last a count for each bit of the mask.
PIXELS_SUM, MASK_SUM, COUNTS, TOTALS = 4, 5, 6, 10
_BLOCK = 1024
_LARGEST = np.finfo(np.float32).max
_LOWEST_BITS = 0x0101010101010101


@compiled
def calibrate_words(  # type: ignore[no-untyped-def]
    raw, bias, dark, flat, bits, scales, zeros, saturation, hot, dark_scale, flat_factor,
    least_flat, pedestal, whole, count, stored, mask, totals,
):  # fmt: skip
    """Fill `stored` and `mask`, and add to `totals`; return the least value that is saturated.

    Files and `stored` are the words of the file as uint32 (two pixels of 16 bits each, or a float32), `bits`,
    `scales` and `zeros` BITPIX without its sign (0: there is no such file), BSCALE and BZERO of the light,
    bias, dark and flat; `mask` is uint8, and `totals` uint64 [TOTALS].
    """
    least = np.float32(np.inf)
    turned = np.empty(_BLOCK, np.uint32)
    buffers = np.empty((3, _BLOCK), np.float32)
    for first in range(0, count, _BLOCK):
        width = min(count - first, _BLOCK)
        marks = mask[first : first + width]
        values, other, third = buffers[0, :width], buffers[1, :width], buffers[2, :width]
        totals[0] += _load(raw, first, bits[0], scales[0], zeros[0], turned, values)
        for i in range(width):
            marks[i] = np.uint8(SATURATED) if values[i] >= saturation else np.uint8(0)
        if bits[1]:
            totals[1] += _load(bias, first, bits[1], scales[1], zeros[1], turned, third)
        if bits[2]:
            totals[2] += _load(dark, first, bits[2], scales[2], zeros[2], turned, other)
            for i in range(width):
                marks[i] |= np.uint8(HOT) if other[i] > hot else np.uint8(0)
        if bits[1] and bits[2]:
            for i in range(width):
                other[i] = (other[i] - third[i]) * dark_scale + third[i]
        if bits[1] or bits[2]:
            subtracted = other if bits[2] else third
            for i in range(width):
                values[i] -= subtracted[i]
        if bits[3]:
            totals[3] += _load(flat, first, bits[3], scales[3], zeros[3], turned, other)
            _over_flat(values, marks, other, flat_factor, least_flat)
        _clear(values, marks)
        totals[PIXELS_SUM] += _store(values, whole, pedestal, turned, stored, first)
        least = min(least, _count(mask, first, values, turned, totals))
    return least


@compiled
def _over_flat(values, marks, flat, factor, least):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        part = flat[i] * factor
        lit = part >= least
        marks[i] |= np.uint8(0) if lit else np.uint8(UNLIT)
        values[i] /= part if lit else least


@compiled
def _clear(values, marks):  # type: ignore[no-untyped-def]
    """Mark and make 0 what is not finite."""
    for i in range(values.size):
        finite = abs(values[i]) <= _LARGEST
        marks[i] |= np.uint8(0) if finite else np.uint8(NO_VALUE)
        values[i] = values[i] if finite else np.float32(0)


@compiled
def _store(values, whole, pedestal, turned, stored, first):  # type: ignore[no-untyped-def]
    """Put a block from the pixel `first` on into `stored`; return what it adds to DATASUM."""
    if whole:
        words = (values.size + 1) // 2
        _round(values, pedestal, turned)
        _swap_halves(turned[:words], stored[first // 2 : first // 2 + words])
        return _sum_of_halves(turned[:words])
    as_words = values.view(np.uint32)
    _swap(as_words, stored[first : first + values.size])
    return _sum(as_words)


@compiled
def _load(words, first, bits, scale, zero, turned, into):  # type: ignore[no-untyped-def]
    """Fill `into` with the pixels from `first` on, as float32; return what they add to DATASUM."""
    width = into.size
    if bits == 16:
        count = (width + 1) // 2
        _swap_halves(words[first // 2 : first // 2 + count], turned[:count])
        total = _sum_of_halves(turned[:count])
        halves = turned.view(np.int16)
        for i in range(width):
            into[i] = np.float32(halves[i])
    else:
        _swap(words[first : first + width], turned[:width])
        total = _sum(turned[:width])
        values = turned.view(np.float32)
        for i in range(width):
            into[i] = values[i]
    if scale != np.float32(1):
        for i in range(width):
            into[i] *= scale
    if zero != np.float32(0):
        for i in range(width):
            into[i] += zero
    return total


@compiled
def _swap(words, into):  # type: ignore[no-untyped-def]
    """Turn the four bytes of each word around."""
    for i in range(into.size):
        word = words[i]
        outer = np.uint32(word << np.uint32(24)) | np.uint32(word >> np.uint32(24))
        upper = np.uint32((word & np.uint32(0x0000FF00)) << np.uint32(8))
        into[i] = outer | upper | np.uint32((word >> np.uint32(8)) & np.uint32(0x0000FF00))


@compiled
def _swap_halves(words, into):  # type: ignore[no-untyped-def]
    """Turn the two bytes of each half of a word around."""
    for i in range(into.size):
        word = words[i]
        upper = np.uint32((word & np.uint32(0x00FF00FF)) << np.uint32(8))
        into[i] = upper | np.uint32((word >> np.uint32(8)) & np.uint32(0x00FF00FF))


@compiled
def _sum(words):  # type: ignore[no-untyped-def]
    total = np.uint64(0)
    for i in range(words.size):
        total += np.uint64(words[i])
    return total


@compiled
def _sum_of_halves(words):  # type: ignore[no-untyped-def]
    """The sum of words that have their halves exchanged: its turn by 16 bits, as it is a ones' complement."""
    total = _sum(words)
    return ((total & np.uint64(0xFFFF)) << np.uint64(16)) + (total >> np.uint64(16))


@compiled
def _round(values, pedestal, turned):  # type: ignore[no-untyped-def]
    """Make `values` whole numbers of 16 bits, and `turned` words with two of them as they are stored."""
    halves = turned.view(np.uint16)
    if values.size % 2:
        halves[values.size] = 0
    # Beside this number the fraction has no room: it is rounded to even.
    no_room = np.float32(8388608)
    for i in range(values.size):
        value = values[i] + pedestal
        value = value if value > np.float32(0) else np.float32(0)
        value = value if value < np.float32(65535) else np.float32(65535)
        values[i] = (value + no_room) - no_room
    for i in range(values.size):
        halves[i] = np.uint16(np.int32(values[i]) ^ 0x8000)


@compiled
def _count(mask, first, values, turned, totals):  # type: ignore[no-untyped-def]
    """Count the marks of a block, of which most pixels have none; return the least saturated value."""
    least = np.float32(np.inf)
    end = (values.size + 7) // 8 * 8
    marks = mask[first : first + end]
    marks[values.size :] = 0
    eights, found = marks.view(np.uint64), False
    for i in range(eights.size):
        eight = eights[i]
        if eight:
            found = True
            for bit in range(4):
                each = (eight >> np.uint64(bit)) & np.uint64(_LOWEST_BITS)
                # The highest byte of this product is the sum of its eight.
                totals[COUNTS + bit] += (each * np.uint64(_LOWEST_BITS)) >> np.uint64(56)
            if eight & np.uint64(_LOWEST_BITS * SATURATED):
                for place in range(8 * i, 8 * i + 8):
                    if marks[place] & np.uint8(SATURATED):
                        least = min(least, values[place])
    if found:
        words = marks.view(np.uint32)
        _swap(words, turned[: words.size])
        totals[MASK_SUM] += _sum(turned[: words.size])
    return least
