"""Bytes and values that go wrong: strategies for the fuzz tests."""

from hypothesis import settings
from hypothesis import strategies as st

FEW = 0.2  # of the examples: where one takes long


def examples(share: float = 1.0) -> settings:
    """The settings of the fuzz tests, with a share of their examples."""
    profile = settings.get_profile("fuzz")
    return settings(profile, max_examples=max(5, round(profile.max_examples * share)))


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with some bytes flipped, overwritten, cut out, put in twice, or cut off."""
    broken = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(broken) - 1)))
        length = draw(st.integers(0, 64))
        match draw(st.integers(0, 5)):
            case 0 if broken:
                broken[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                broken[at : at + length] = draw(st.binary(max_size=64))
            case 2:
                del broken[at : at + length]
            case 3:
                broken[at:at] = broken[at : at + length]
            case 4:
                del broken[at:]
            case _:
                broken[at : at + length] = bytes(length)
    return bytes(broken)


NESTED = [f"{deep * 20_000}" for deep in ("[", '{"a":')]  # deeper than recursion goes
NUMBERS = st.one_of(
    st.integers(),
    st.sampled_from([2**31, 2**53, 2**63, -(2**63) - 1, 10**30, 10**400, -1, 0, 1]),
    st.floats(),
)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", " ", "\0", "../..", "1e400", "NaN", "9" * 5000, "\ud800", "۱۲", "a" * 500]
    ),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=8,
)
