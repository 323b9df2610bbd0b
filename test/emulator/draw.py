"""Reproducible pseudo-random numbers with random access.

The n-th record of a table must not depend on the records before it, so each
record draws from a number mixed out of the seed, the table and n. Python's own
generator would be slower to seed for each record, and its integer functions
are not promised to stay the same between versions.
"""

import zlib

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(value):
    """One step of splitmix64: a bijection of 64-bit numbers that scatters well."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def salt(*parts):
    """A 64-bit number out of any parts."""
    value = 0
    for part in parts:
        text = str(part).encode()
        value = mix((value + zlib.crc32(text) + (zlib.adler32(text) << 32) + GOLDEN) & MASK)
    return value


class Draw:
    """A supply of about 256 random bits for one record."""

    __slots__ = ("bits", "state")

    def __init__(self, base, index):
        state = (base + index * GOLDEN) & MASK
        first = mix(state)
        second = mix(first ^ GOLDEN)
        third = mix(second + 0x632BE59BD9B4E019 & MASK)
        self.bits = first << 128 | second << 64 | third
        self.state = third

    def below(self, limit):
        """A number from 0 to limit - 1."""
        if self.bits < 1 << 40:
            self.state = mix((self.state + GOLDEN) & MASK)
            self.bits = self.bits << 64 | self.state
        self.bits, number = divmod(self.bits, limit)
        return number

    def pick(self, choices):
        return choices[self.below(len(choices))]

    def one_in(self, chances):
        return self.below(chances) == 0
