"""What a terminal, a paste, a line or an enemy may send: a corpus, and a generator of its kinds."""

import random

_WRONG_UTF8 = (
    b"caf\xe9 ",
    b"\xe9",
    b"\xff",
    b"\xfe\xff",
    b"\x80",
    b"\xc3",
    b"\xc3(",
    b"\xe2\x82",
    b"\xe2\x28\xa1",
    b"\xf0\x9f\x98",
    b"\xf0\x28\x8c\xbc",
    b"\xf8\xa1\xa1\xa1\xa1",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xf4\x90\x80\x80",
    b"\x9b31m",
    b"\x90;\x9c",
    b"M\xfc;",
    "ｃafé".encode(),
    "日本".encode(),
    "👩‍👩‍👧".encode(),
    "\u202eac\u202c".encode(),
    b"\xef\xbb\xbf",
    b"\xff\xfe;\x00",
    "\u0085\u2028\u2029".encode(),
    b"\xc2\x9b2J",
    b"\x00",
    b"\x7f",
)
_MOUSE = (
    b"\x1b[M   ",
    b"\x1b[M !!",
    b"\x1b[M \xe9\xff",
    b"\x1b[M#\x80\x80",
    b"\x1b[M`\xc3\xa9",
    b"\x1b[M\xff\xff\xff",
    b"\x1b[M",
    b"\x1b[M ",
    b"\x1b[M\x1b[M",
    b"\x1b[<0;1;1M",
    b"\x1b[<0;1;1m",
    b"\x1b[<64;5;5M",
    b"\x1b[<65;5;5M",
    b"\x1b[<0;99999999999999999;1M",
    b"\x1b[<0;-1;-1M",
    b"\x1b[<35;1",
    b"\x1b[<;;M",
    b"\x1b[<0;1M",
    b"\x1b[32;5;5M",
    b"\x1b[35;300;300M",
    b"\x1b[<128;1;1M",
    b"\x1b[<3;0;0m",
    b"\x1b[<999;9;9M",
    b"\x1b[t\x1b[T",
)
_KITTY = (
    b"\x1b[99999999999u",
    b"\x1b[1114111u",
    b"\x1b[1114112u",
    b"\x1b[55296u",
    b"\x1b[57343u",
    b"\x1b[0u",
    b"\x1b[u",
    b"\x1b[;u",
    b"\x1b[;;u",
    b"\x1b[1;99999999999999999999u",
    b"\x1b[1;1;55296u",
    b"\x1b[1;1;1114112u",
    b"\x1b[97;5u",
    b"\x1b[97;1;97u",
    b"\x1b[57441;2u",
    b"\x1b[1:2:3;4:5;6:7u",
    b"\x1b[:::::u",
    b"\x1b[1;-1u",
    b"\x1b[9;5u",
    b"\x1b[13;2u",
    b"\x1b[57358u",
    b"\x1b[1;2;3;4;5;6u",
    b"\x1b[97;;97u",
    b"\x1b[;5A",
    b"\x1b[1;999B",
    b"\x1b[1;0P",
    b"\x1b[57427~",
    b"\x1b[27;5;97~",
    b"\x1b[27;999;1114112~",
    b"\x1b[0;0;0~",
    b"\x1b[1;1;:u",
    b"\x1b[1;1;1:::u",
    b"\x1b[200;5u",
    b"\x1b[201;5u",
    b"\x1b[4294967296;1u",
    b"\x1b[1;1;27u",
    b"\x1b[1;1;0u",
)
_REPORTS = (
    b"\x1b[?2026;1$y",
    b"\x1b[?2026;0$y",
    b"\x1b[?2026;9$y",
    b"\x1b[?2048;1$y",
    b"\x1b[?2048;2$y",
    b"\x1b[?2048;0$y",
    b"\x1b[48;24;80;480;800t",
    b"\x1b[48;0;0;0;0t",
    b"\x1b[48;99999;99999;9;9t",
    b"\x1b[48;1;1;0;0t",
    b"\x1b[48;24:1;80:2;480:3;800:4t",
    b"\x1b[48;24;80t",
    b"\x1b[8;24;80t",
    b"\x1b[4;1;1t",
    b"\x1b[1;1R",
    b"\x1b[0;0R",
    b"\x1b[99999999;99999999R",
    b"\x1b[?1;1R",
    b"\x1b[0n",
    b"\x1b[3n",
    b"\x1b[?64;1;2;6;22c",
    b"\x1b[>0;276;0c",
    b"\x1b[=1;2c",
    b"\x1b[I",
    b"\x1b[O",
    b"\x1b[I\x1b[O\x1b[I",
    b"\x1b[?1u",
    b"\x1b[?u",
    b"\x1b[>4;2m",
    b"\x1b[?2004;2$y",
    b"\x1b[?99999999999999999999;1$y",
)
_STRINGS = (
    b"\x1b]11;rgb:1e1e/1e1e/1e1e\x07",
    b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\",
    b"\x1b]4;1;rgb:ff/00/00\x07",
    b"\x1b]52;c;c3Ryb3k=\x07",
    b"\x1b]0;title s r x\x07",
    b"\x1bP1$r0m\x1b\\",
    b"\x1bP>|xterm(370)\x1b\\",
    b"\x1bP!|00000000\x1b\\",
    b"\x1b_Gi=31;OK\x1b\\",
    b"\x1b^private\x1b\\",
    b"\x1bXstart of string\x1b\\",
    b"\x1b]\xff\xfe\x07",
    b"\x1b]8;;http://x\x1b\\",
    b"\x1b]\x1b]\x07",
    b"\x1bP\x1b[A\x1b\\",
    b"\x1b]0;a\x18",
    b"\x1b\\",
)
_BROKEN = (
    b"\x1b",
    b"\x1b\x1b",
    b"\x1b\x1b\x1b",
    b"\x1b[",
    b"\x1b[[",
    b"\x1b[[A",
    b"\x1b[[Z",
    b"\x1bO",
    b"\x1bOP",
    b"\x1bO\xe9",
    b"\x1bOq",
    b"\x1b[\xe9",
    b"\x1b[1;\xff",
    b"\x1b[1;5",
    b"\x1b[;;;;;;A",
    b"\x1b[" + b"9" * 100 + b"~",
    b"\x1b[" + b";" * 300,
    b"\x1b[" + b"1" * 400 + b"A",
    b"\x1b[\x00",
    b"\x1b[\x1b[\x1b[",
    b"\x1b[1\x1b[B",
    b"\x1b[ q",
    b"\x1b[!p",
    b'\x1b["q',
    b"\x1b[-1;-1H",
    b"\x1b[1;2;3",
    b"\x1b[?",
    b"\x1b[<",
    b"\x1b[>",
    b"\x1b[=",
    b"\x1b(B",
    b"\x1b)0",
    b"\x1b#8",
    b"\x1b%G",
    b"\x1bc",
    b"\x1b7",
    b"\x1b8",
    b"\x1b=",
    b"\x1b>",
    b"\x1b\xe9",
    b"\x1b\xc3\xa9",
    b"\x1b\x00",
    b"\x1b\x7f",
    b"\x1b\t",
    b"\x1b[2J",
    b"\x1b[?1049h",
    b"\x1b[?1000h",
    b"\x1b[0m",
    b"\x1b[38;2;1;2;3m",
    b"\x1b[6n",
    b"\x1b[c",
    b"\x1b[r",
    b"\x1bN",
    b"\x1bOM",
    b"\x1bO5A",
    b"\x1bO1;5P",
    b"\x1b[1;5\x18",
    b"\x1b[7$",
    b"\x1b[23$",
    b"\x1b[\xe2\x98",
    b"\x1b[3;1H",
)
_PASTES = (
    b"\x1b[200~hello\x1b[201~",
    b"\x1b[200~\x1b[201~",
    b"\x1b[201~",
    b"\x1b[201~\x1b[201~",
    b"\x1b[200~caf\xe9\x1b[201~",
    b"\x1b[200~\x1b[200~x\x1b[201~",
    b"\x1b[200~a\x00b\x1b[201~",
    b"\x1b[200~s\nr\nx\n\x1b[201~",
    b"\x1b[200~\x1b[A\x1b[201~",
    b"\x1b[200~\x1b[20\x1b[201~",
    b"\x1b[200~" + b"x" * 5000 + b"\x1b[201~",
    b"\x1b[200~\xff\xfe\x1b[M\xff\x1b[201~",
    b"\x1b[200~unfinished\x03",
    b"\x1b[200~\x1b]0;x\x07\x1b[201~",
    b"\x1b[200~\x1b[99;5u",
)
_KEYS = (
    b"\x1b[A",
    b"\x1b[B",
    b"\x1b[C",
    b"\x1b[D",
    b"\x1b[5~",
    b"\x1b[6~",
    b"\x1b[H",
    b"\x1b[F",
    b"\x1b[1;5A",
    b"\x1b[3~",
    b"\x10\x1b[5~\x1b",
    b"\x10\x1b[6~\x1b",
    b"jk",
    b"\t\x1b[Z",
    b"\x1b[Z",
    b"\x0c",
    b"\x1bOA",
    b"\x1bOB",
    b"\x1b[11~",
    b"\x1b[24~",
)

CORPUS = (*_WRONG_UTF8, *_MOUSE, *_KITTY, *_REPORTS, *_STRINGS, *_BROKEN, *_PASTES, *_KEYS)
"""As a whole, none of these does anything to an instance, or leaves the screen."""

QUITS = bytes.maketrans(b"q\x03\x11\x1a", b";;;;")
"""For `bytes.translate`: what leaves the screen, or stops its process, becomes something else."""

IN_PIECES = 8


def pieces(data: bytes, chance: random.Random) -> list[bytes]:
    """The same bytes, split at random."""
    places = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(IN_PIECES)))
    ends = zip([0, *places], [*places, len(data)], strict=True)
    return [data[begin:end] for begin, end in ends if begin < end]


def generated(chance: random.Random) -> bytes:
    """One more sequence of some kind in the corpus, or of none."""

    def numbers() -> bytes:
        most = chance.choice((9, 300, 70_000, 2**40))
        return b";".join(b"%d" % chance.randrange(most) for _ in range(chance.randrange(6)))

    match chance.randrange(8):
        case 0:
            return chance.randbytes(chance.randrange(1, 12))
        case 1:
            return b"\x1b[M" + chance.randbytes(3)
        case 2:
            return b"\x1b[" + numbers() + bytes([chance.randrange(0x40, 0x7F)])
        case 3:
            mark = chance.choice((b"?", b"<", b">", b"="))
            return b"\x1b[" + mark + numbers() + bytes([chance.randrange(0x20, 0x7F)])
        case 4:
            begin = chance.choice((b"\x1b]", b"\x1bP", b"\x1b_"))
            return begin + chance.randbytes(9) + chance.choice((b"\x07", b"\x1b\\", b""))
        case 5:
            return b"\x1b[200~" + chance.randbytes(chance.randrange(20)) + b"\x1b[201~"
        case 6:
            wrong = bytearray(chance.choice(CORPUS))
            wrong[chance.randrange(len(wrong))] = chance.randrange(256)
            return bytes(wrong)
    whole = chance.choice(CORPUS)
    return whole[: chance.randrange(len(whole) + 1)]
