"""Damaged files for hypothesis: a good one, with a few edits that shrink to as few as matter."""

from hypothesis import strategies as st

# What readers have to be careful about: numbers without end, characters that are none, quotes, brackets, marks.
PIECES = [piece if isinstance(piece, bytes) else piece.encode("utf-8", "surrogatepass") for piece in (
    "9" * 5000, "-1", "1e999", "NaN", "Infinity", "null", "true", "\0", "\ud800", "\\ud800", "\ufeff", "\u2028", "\x85",
    "\t", "\n", "\r",
    "\r\n\r\n", "  ", '"', "'", "[", "]", "{", "}", ",", ":", "-", "O", "B-", "I-PER", "-DOCSTART-",
    "#", "<", ">", "%", "[" * 2000, "&a ", "*a", "<<: ", "!!python/name:os.system ", "٣", "²", "\u200b", "e\u0301" * 40,
    "a" * 70000, "\x1b[2J", b"\xff\xfe", b"\x80", b"\xc3", b"PK\x03\x04", b"\x1f\x8b\x08", b"\x93NUMPY")]

EDITS = st.lists(st.tuples(st.sampled_from(("insert", "replace", "remove", "repeat", "cut", "flip")),
                           st.integers(0, 1 << 16), st.integers(1, 64),
                           st.sampled_from(PIECES) | st.binary(max_size=8)),
                 min_size=1, max_size=5)


def edited(content, edits):
    """Content after edits; each is a kind, a place, a size and a piece."""
    for kind, place, size, piece in edits:
        place %= len(content) + 1
        before, part, after = content[:place], content[place:place + size], content[place + size:]
        content = {"insert": before + piece + part + after, "replace": before + piece + after, "remove": before + after,
                   "repeat": before + part * 3 + after, "cut": before + piece,
                   "flip": before + bytes(byte ^ 1 << size % 8 for byte in part) + after}[kind]
    return content
