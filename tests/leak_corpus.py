"""A corpus of leaks of listed values and of what only looks like one, from a seeded generator.

It encodes and hashes by itself and shares no code with what is tested. A leak is an event with the one rule that must find
it; a look-alike is an event in which no rule about listed values may find anything.
"""

from __future__ import annotations

import base64
import bz2
import codecs
import gzip
import hashlib
import hmac
import html
import json
import random
import string
import unicodedata
import uuid
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

from tests.conftest import page_load, started

Value = str
Encoder = Callable[[random.Random, str], str]


class Leak(NamedTuple):
    family: str
    name: str
    rule: str
    line: bytes


class Look(NamedTuple):
    name: str
    line: bytes


CANARIES = (
    "cnry7Kq2mX9tRb4Lw8Zd", "Quarl Vexomintra 7k2f9d", "q8f3kz71m@canary-ledger.example", "8203947561528374",
    "zx41-vv09-pk73-mm62",
)  # fmt: skip
IDENTIFIERS = (
    "anna.schmidt@fabrikam-mail.com", "Peter.O'Neil@contoso-post.co.uk", "jane.q.doe+shop@gmail.com", "li.wei@example.com",
    "+44 20 7946 0958", "+1 415 555 2671", "Annegret Musterfrau", "Jürgen Großmann-Weiß",
    "usr_8841290", "f.dupont", "MBR-0099-3311-7",
    "5520033418@partner-portal.io", "Лариса Малахитова", "山田太郎株式会社",
)  # fmt: skip
SALT = "grain-of-pepper-55"
SEEDS = (
    *(("canary", value) for value in CANARIES),
    *(("identifier", value) for value in IDENTIFIERS),
    ("salt", SALT),
)


def seed_file() -> str:
    rows = ["value,kind,label,planted_at"]
    rows += [f'"{value}",{kind},,' for kind, value in SEEDS]
    return "\n".join(rows) + "\n"


# ---- encodings ------------------------------------------------------------------------------------------------------


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def raw(text: str) -> bytes:
    return text.encode()


def base58(data: bytes) -> str:
    letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, out = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        out = letters[rest] + out
    return out


def lz(text: str) -> str:
    """LZ-string's base64 form: a growing dictionary, codes of a growing width, their lowest bit first."""
    words: dict[str, int] = {}
    new: set[str] = set()
    bits: list[int] = []
    width, room, word = 2, 2, ""

    def put(number: int, size: int) -> None:
        bits.extend(number >> place & 1 for place in range(size))

    def spend() -> None:
        nonlocal width, room
        room -= 1
        if room == 0:
            room, width = 1 << width, width + 1

    def tell(known: str) -> None:
        if known in new:
            wide_ = ord(known) > 255
            put(int(wide_), width)
            put(ord(known), 16 if wide_ else 8)
            new.discard(known)
            spend()
        else:
            put(words[known], width)
        spend()

    for char in text:
        if char not in words:
            words[char] = len(words) + 3
            new.add(char)
        if word + char in words:
            word += char
            continue
        tell(word)
        words[word + char] = len(words) + 3
        word = char
    tell(word)
    put(2, width)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    bits += [0] * (6 - len(bits) % 6)
    coded = "".join(letters[int("".join(map(str, bits[at : at + 6])), 2)] for at in range(0, len(bits), 6))
    return coded + "=" * (-len(coded) % 4)


def lines(text: str, width: int) -> str:
    return "\r\n".join(text[at : at + width] for at in range(0, len(text), width))


def wide(text: str, form: str) -> str:
    return "".join(form.format(ord(char)) for char in text)


HIDDEN_IN = ("full width", "zero width", "soft hyphens", "mathematical letters")
"""What bytes must be read as letters for to be seen: put into base64 and hex as well."""


def encodings(*, stacked: bool) -> dict[str, Encoder]:
    """Every single encoding; `stacked`: only those whose output another may well encode again."""
    found: dict[str, Encoder] = {
        "percent": lambda r, v: quote(v, safe=""),
        "percent all": lambda r, v: "".join(f"%{byte:02{r.choice('xX')}}" for byte in raw(v)),
        "base64": lambda r, v: b64(raw(v)),
        "base64url": lambda r, v: b64url(raw(v)),
        "base32": lambda r, v: base64.b32encode(raw(v)).decode(),
        "hex": lambda r, v: raw(v).hex(),
        "HEX": lambda r, v: raw(v).hex().upper(),
        "entities": lambda r, v: wide(v, r.choice(("&#{};", "&#x{:x};", "&#{:05d};"))),
        "escapes": lambda r, v: wide(v, "\\u{:04x}") if max(v) < "\U00010000" else json.dumps(v),
        "rot13": lambda r, v: codecs.encode(v, "rot13"),
        "reversed": lambda r, v: v[::-1],
        "gzip": lambda r, v: b64(gzip.compress(raw(v), mtime=0)),
        "zlib": lambda r, v: b64(zlib.compress(raw(v), r.choice((1, 6, 9)))),
        "deflate": lambda r, v: b64url(zlib.compress(raw(v))[2:-4]),
        "json": lambda r, v: json.dumps({"a": [v], "n": r.randrange(99)}),
        "base58": lambda r, v: base58(raw(v)),
    }
    if stacked:
        return found
    return found | {
        "percent twice": lambda r, v: quote(quote(v, safe=""), safe=""),
        "%u": lambda r, v: wide(v, "%u{:04x}"),
        "plus": lambda r, v: quote_plus(v),
        "named entities": lambda r, v: html.escape(v.replace("@", "&commat;")).replace("&amp;commat", "&commat"),
        "\\x": lambda r, v: "".join(f"\\x{byte:02x}" for byte in raw(v)) if v.isascii() else wide(v, "\\u{:04x}"),
        "base32 lower": lambda r, v: base64.b32encode(raw(v)).decode().lower().rstrip("="),
        "hex separated": lambda r, v: raw(v).hex(r.choice(":- ")),
        "hex in groups": lambda r, v: raw(v).hex(" ", r.choice((2, 4, -2))),
        "hex in groups with dashes": lambda r, v: raw(v).hex("-", r.choice((2, 4))),
        "hex in groups with colons": lambda r, v: raw(v).hex(":", r.choice((2, 4))),
        "numbers with dots": lambda r, v: ".".join(map(str, raw(v))),
        "zlib behind a path": lambda r, v: "/applications/" + b64(zlib.compress(raw(v))),
        "LZ-string behind a path": lambda r, v: "/applications/edit/" + lz(v),
        "hyphens of markup": lambda r, v: v.replace("-", "&hyphen;"),
        "hex of Latin-1": lambda r, v: v.encode("latin-1", "ignore").hex() if max(v) <= "\xff" else raw(v).hex(),
        "numbers with spaces": lambda r, v: " ".join(map(str, raw(v))),
        "hex 0x": lambda r, v: "0x" + raw(v).hex(),
        "hex 0x each": lambda r, v: ", ".join(f"0x{byte:02x}" for byte in raw(v)),
        "quoted-printable, soft breaks": lambda r, v: "=\r\n".join(
            "".join(f"={byte:02X}" for byte in raw(v)[at : at + 4]) for at in range(0, len(raw(v)), 4)
        ),
        "mail header": lambda r, v: "=?utf-8?Q?" + "".join(f"={b:02X}" if b != 32 else "_" for b in raw(v)) + "?=",
        "quoted-printable": lambda r, v: "".join(f"={byte:02X}" for byte in raw(v)),
        "upper case": lambda r, v: v.upper(),
        "lower case": lambda r, v: v.lower(),
        "full width": lambda r, v: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in v),
        "zero width": lambda r, v: r.choice("\u200b\u200d\u2060\ufeff").join(v),
        "soft hyphens": lambda r, v: v[:3] + "\u00ad" + v[3:],
        "NFD": lambda r, v: unicodedata.normalize("NFD", v),
        "UTF-16": lambda r, v: b64(v.encode(r.choice(("utf-16", "utf-16-le", "utf-16-be")))),
        "mathematical letters": lambda r, v: "".join(
            chr(ord(c) + (0x1D400 - 65 if c < "a" else 0x1D41A - 97)) if c.isascii() and c.isalpha() else c for c in v
        ),
        "UTF-16 as it is": lambda r, v: v.encode("utf-16-le").decode("latin-1") if v.isascii() else v,
        "zlib in base32": lambda r, v: base64.b32encode(zlib.compress(raw(v))).decode(),
        "base64 wrapped, backwards": lambda r, v: lines(b64(raw(v)), 8)[::-1] if len(v) % 3 == 0 else b64(raw(v))[::-1],
        "UTF-16 hex": lambda r, v: v.encode("utf-16-le").hex(),
        "bzip2": lambda r, v: b64(bz2.compress(raw(v))),
        "LZ-string": lambda r, v: lz(v),
        "JWT": lambda r, v: ".".join(
            (
                b64url(b'{"alg":"HS256","typ":"JWT"}'),
                b64url(raw(json.dumps({"sub": v, "iat": 1604480000}))),
                b64url(r.randbytes(32)),
            )
        ),
        "data URI": lambda r, v: "data:text/plain;base64," + b64(raw(v)),
        "data URI percent": lambda r, v: "data:text/plain," + quote(v),
        "basic": lambda r, v: "Basic " + b64(raw(v + ":secret")),
    }  # fmt: skip


def hashes() -> dict[str, Callable[[str], bytes]]:
    names = (
        "md5",
        "sha1",
        "sha224",
        "sha256",
        "sha384",
        "sha512",
        "sha3_224",
        "sha3_256",
        "sha3_384",
        "sha3_512",
        "blake2b",
        "blake2s",
    )
    found: dict[str, Callable[[str], bytes]] = {
        name: (lambda v, name=name: hashlib.new(name, raw(v)).digest())  # type: ignore[misc]  # the type of a default of a lambda is not inferred
        for name in names
    }
    found["blake2b-256"] = lambda v: hashlib.blake2b(raw(v), digest_size=32).digest()
    return found


PRINTED: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "HEX": lambda d: d.hex().upper(),
    "base64": b64,
    "base64url": b64url,
    "base32": lambda d: base64.b32encode(d).decode(),
    "64 bits": lambda d: d[:8].hex(),
    "80 bits": lambda d: d[:10].hex(),
    "128 bits": lambda d: d[:16].hex(),
    "UUID": lambda d: str(uuid.UUID(bytes=d[:16])),
    "named": lambda d: "sha256:" + d.hex(),
    "SRI": lambda d: "sha256-" + b64(d),
}


# ---- events ---------------------------------------------------------------------------------------------------------


def rule_of(value: Value, *, digest: bool = False) -> str:
    if value in CANARIES:
        return "canary"
    return "reidentified-hash" if digest else "known-identifier"


def placed(random_: random.Random, text: str) -> bytes:
    """An event of the client that holds a text somewhere."""
    event = page_load(
        messageId=f"ajs-{random_.getrandbits(128):032x}", anonymousId=str(uuid.UUID(int=random_.getrandbits(128)))
    )
    page = event["context"]["page"]
    match random_.randrange(6):
        case 0:
            page["title"] = text
        case 1:
            event["properties"] = {"detail": text}
        case 2:
            event["properties"] = {"list": ["a", {"deep": [text]}]}
        case 3:
            event["context"]["userAgent"] = f"Mozilla/5.0 ({text})"
        case 4:
            page["title"] = f"see {text} there"
        case _:
            event["properties"] = {"json": json.dumps({"v": text, "n": 1})}
    return dump(event)


def dump(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def single(random_: random.Random) -> Iterator[Leak]:
    values = (*CANARIES, *IDENTIFIERS)
    for name, encode in encodings(stacked=False).items():
        for value in random_.sample(values, 9):
            yield Leak("single encoding", name, rule_of(value), placed(random_, encode(random_, value)))
    for value in values:
        yield Leak("plain", "as it is", rule_of(value), placed(random_, value))


def stacks(random_: random.Random) -> Iterator[Leak]:
    values, known = (*CANARIES, *IDENTIFIERS), encodings(stacked=True)
    for depth, number in ((2, 90), (3, 90)):
        for _ in range(number):
            value, names = random_.choice(values), random_.sample(sorted(known), depth)
            text = value
            for name in names:
                text = known[name](random_, text)
            yield Leak(f"{depth} layers", " then ".join(names), rule_of(value), whole(random_, text))


def hidden(random_: random.Random) -> Iterator[Leak]:
    """Letters that look alike or are not seen, below another encoding."""
    outer, inner = encodings(stacked=True), encodings(stacked=False)
    for name in HIDDEN_IN:
        for carrier in ("base64", "hex", "gzip", "base32", "base58"):
            value = random_.choice((*CANARIES, *IDENTIFIERS))
            text = outer[carrier](random_, inner[name](random_, value))
            yield Leak("2 layers", f"{name} then {carrier}", rule_of(value), whole(random_, text))


def beneath(random_: random.Random) -> Iterator[Leak]:
    """What stands below UTF-16, or is escaped and shifted: bytes that are no letters by themselves."""
    forms_: dict[str, Encoder] = {
        "LZ-string then UTF-16": lambda r, v: b64(lz(v).encode("utf-16-le")),
        "LZ-string then UTF-16 in hex": lambda r, v: lz(v).encode("utf-16-le").hex(),
        "UTF-32": lambda r, v: b64(v.encode(r.choice(("utf-32-le", "utf-32-be")))),
        "UTF-16 then deflate": lambda r, v: b64(zlib.compress(v.encode("utf-16-le"))[2:-4]),
        "UTF-16 then entities": lambda r, v: "".join(f"&#{byte};" for byte in v.encode("utf-16-le")),
        "zero width then UTF-16": lambda r, v: b64("\u200b".join(v).encode("utf-16-le")),
        "base64 in lines, then a form": lambda r, v: "q=" + "+".join(lines(b64(raw(v)), 8).split("\r\n")),
        "full width then UTF-16": lambda r, v: b64(encodings(stacked=False)["full width"](r, v).encode("utf-16-le")),
        "%u then rot13": lambda r, v: codecs.encode(wide(v, "%u{:04x}"), "rot13"),
        "percent then rot13": lambda r, v: codecs.encode("".join(f"%{byte:02x}" for byte in raw(v)), "rot13"),
        "escapes then rot13": lambda r, v: codecs.encode(wide(v, "\\u{:04x}"), "rot13"),
    }
    for name, encode in forms_.items():
        for value in random_.sample([v for v in (*CANARIES, *IDENTIFIERS) if v.isascii()], 4):
            yield Leak("2 layers", name, rule_of(value), whole(random_, encode(random_, value)))


def whole(random_: random.Random, text: str) -> bytes:
    """An event that holds a text as a whole value: around a stack, other words could be read as its part."""
    event = page_load(messageId=f"ajs-{random_.getrandbits(128):032x}")
    event["properties"] = {"detail": text}
    return dump(event)


def alignments(random_: random.Random) -> Iterator[Leak]:
    """Base64 of longer texts that hold the value, cut and glued at every alignment."""
    for value in random_.sample((*CANARIES, *IDENTIFIERS), 10):
        for shift in range(4):
            before = "".join(random_.choices(string.ascii_letters + " ", k=30 + shift))
            yield Leak(
                "alignment",
                "inside longer text",
                rule_of(value),
                whole(random_, b64(raw(f"{before} {value} and more"))),
            )
            coded = b64url(raw(f"{before} {value} tail"))
            yield Leak("alignment", "cut", rule_of(value), whole(random_, coded[shift:]))
            glued = "".join(random_.choices(string.ascii_lowercase, k=3 + shift)) + b64(raw(value))
            yield Leak("alignment", "glued", rule_of(value), whole(random_, glued))
        width = random_.choice((16, 20, 24))
        coded = b64(raw(f"dear {value}, this is a letter"))
        wrapped = "\r\n".join(coded[at : at + width] for at in range(0, len(coded), width))
        yield Leak("alignment", "wrapped", rule_of(value), whole(random_, wrapped))


def splits(random_: random.Random) -> Iterator[Leak]:
    """Values in names, numbers, lists of bytes and pieces, behind escapes, in a doubled key, a batch and a URL."""
    for value in (*CANARIES, *IDENTIFIERS):
        event = page_load(messageId=f"ajs-{random_.getrandbits(128):032x}")
        rule, cut = rule_of(value), len(value) // 2
        for name, properties in (
            ("name", {value: 1}),
            ("bytes", {"b": list(raw(value))}),
            ("pieces", {"p": [value[:cut], value[cut:]]}),
            ("members", {"first": value[:cut], "second": value[cut:]}),
            ("deep JSON", {"j": json.dumps(json.dumps({"x": value}))}),
        ):
            yield Leak("split or elsewhere", name, rule, dump({**event, "properties": properties}))
        escaped = "".join(f"\\u{unit:04x}" for unit in utf16(value))
        line = dump({**event, "properties": {"e": "HERE"}}).replace(b"HERE", escaped.encode())
        yield Leak("split or elsewhere", "JSON escapes", rule, line)
        doubled = dump({**event, "properties": {}}).replace(
            b'"properties":{}', b'"properties":{"k":' + json.dumps(value).encode() + b',"k":1}'
        )
        yield Leak("split or elsewhere", "doubled key", rule, doubled)
        url = f"https://dev.appsmith.com/applications?user={quote(value)}&x=1"
        event["context"]["page"]["url"] = url
        yield Leak("split or elsewhere", "query of a URL", rule, dump(event))
    for number in ("8203947561528374", "8.203947561528374e15", "8203947561528374.0", '"8,203,947,561,528,374"'):
        yield Leak("split or elsewhere", "number", "canary", whole(random_, "x").replace(b'"x"', number.encode()))


def utf16(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def digests(random_: random.Random) -> Iterator[Leak]:
    for name, function in hashes().items():
        for value in random_.sample((*IDENTIFIERS, *CANARIES[:2]), 5):
            yield Leak("plain hash", name, rule_of(value, digest=True), identity(random_, function(value).hex()))
    for printed, show in PRINTED.items():
        for value in random_.sample(IDENTIFIERS, 6):
            digest = hashlib.sha256(raw(value)).digest()
            yield Leak("print form", printed, rule_of(value, digest=True), identity(random_, show(digest)))
    for name, form in normal_forms():
        yield Leak(
            "normalised hash", name, "reidentified-hash", identity(random_, hashlib.sha256(raw(form)).hexdigest())
        )
        yield Leak("normalised hash", name, "reidentified-hash", identity(random_, hashlib.md5(raw(form)).hexdigest()))
    for value in random_.sample(IDENTIFIERS, 8):
        for name, digest in built(value):
            yield Leak("nested or salted hash", name, "reidentified-hash", identity(random_, digest.hex()))
        digest = hashlib.sha1(raw(value)).digest()
        for name in ("base64", "percent", "hex", "reversed", "json", "rot13"):
            text = encodings(stacked=True)[name](random_, digest.hex())
            yield Leak("hash and encoding", name, "reidentified-hash", whole(random_, text))


def identity(random_: random.Random, text: str) -> bytes:
    event = page_load(messageId=f"ajs-{random_.getrandbits(128):032x}")
    event[random_.choice(("userId", "anonymousId"))] = text
    return dump(event)


def normal_forms() -> Iterator[tuple[str, str]]:
    for value in ("anna.schmidt@fabrikam-mail.com", "Peter.O'Neil@contoso-post.co.uk", "jane.q.doe+shop@gmail.com"):
        yield "lower case", value.lower()
        yield "upper case", value.upper()
        yield "local part", value.partition("@")[0]
    yield "Gmail", "janeqdoe@gmail.com"
    yield "plus tag removed", "jane.q.doe@gmail.com"
    yield "domain", "fabrikam-mail.com"
    yield "E.164", "+442079460958"
    yield "E.164 digits", "442079460958"
    yield "national", "02079460958"
    yield "national", "4155552671"
    yield "NFC", unicodedata.normalize("NFC", "Jürgen Großmann-Weiß").lower()


def built(value: str) -> Iterator[tuple[str, bytes]]:
    data, salt = raw(value), raw(SALT)
    yield "md5 of sha1", hashlib.md5(hashlib.sha1(data).hexdigest().encode()).digest()
    yield "sha256 of md5", hashlib.sha256(hashlib.md5(data).hexdigest().encode()).digest()
    yield "sha512 of sha384", hashlib.sha512(hashlib.sha384(data).hexdigest().encode()).digest()
    yield "sha256 of base64 of sha1", hashlib.sha256(base64.b64encode(hashlib.sha1(data).digest())).digest()
    yield "sha384 with a salt", hashlib.sha384(salt + data).digest()
    yield "sha256 twice", hashlib.sha256(hashlib.sha256(data).digest()).digest()
    yield "salt before", hashlib.sha256(salt + data).digest()
    yield "salt behind", hashlib.sha1(data + salt).digest()
    yield "salt and colon", hashlib.sha256(salt + b":" + data).digest()
    yield "hmac", hmac.digest(salt, data, "sha256")


def leaks(seed: int = 20) -> list[Leak]:
    """All leaks, in a fixed order."""
    random_ = random.Random(seed)
    families = (single, stacks, hidden, beneath, alignments, splits, digests)
    return [leak for family in families for leak in family(random_)]


# ---- look-alikes ----------------------------------------------------------------------------------------------------


def near(random_: random.Random, value: str) -> str:
    """A value with one letter or digit changed, added at an edge or lost."""
    at = random_.randrange(1, len(value) - 1)
    letter = random_.choice(string.ascii_lowercase.replace(value[at].lower(), ""))
    if value[at].isdigit():
        letter = random_.choice("0123456789".replace(value[at], ""))
    return value[:at] + letter + value[at + 1 :]


def looks(seed: int = 21) -> list[Look]:
    """Events without any listed value."""
    random_ = random.Random(seed)
    words = "orders invoice editor applications query widget button table chart settings deploy".split()
    found: list[Look] = []

    def add(name: str, text: str) -> None:
        found.append(Look(name, placed(random_, text)))

    for value in (*CANARIES, *IDENTIFIERS):
        if value.isascii():
            for _ in range(4):
                add("near value", near(random_, value))
            add("near value, encoded", b64(raw(near(random_, value))))
            add("near value, hashed", hashlib.sha256(raw(near(random_, value))).hexdigest())
            add("part of a value", value[: len(value) // 2])
    for _ in range(70):
        add("random hex", f"{random_.getrandbits(256):064x}")
        add(
            "random id",
            "".join(random_.choices(string.ascii_letters + string.digits, k=random_.choice((16, 22, 27, 40)))),
        )
        add("UUID", str(uuid.UUID(int=random_.getrandbits(128))))
        add("random base64", b64(random_.randbytes(random_.randrange(8, 60))))
        add("hash of another", hashlib.new(random_.choice(("md5", "sha1", "sha256")), random_.randbytes(9)).hexdigest())
        add("words", " ".join(random_.sample(words, 5)))
    for text in (
        "@types/node", "@babel/core@7.12.3", "logo@2x.png", "git@github.com:org/repo.git", "@media (max-width: 600px)",
        "https://8f3a@o12.ingest.sentry.io/55", "v1.2.3-rc.4+build.7", "joanna.schmidt@fabrikam-mail.com",
        "anna.schmidt@fabrikam-mail.com.example.net",
        "usr_88412901", "call +44 20 7946 0959", "Annegret Musterfrauen", "support@appsmith.com", "li.wei@example.community",
        "2020-11-04T08:05:52.726Z",
    ):  # fmt: skip
        for _ in range(6):
            add("known look-alike", text)
    digest = hashlib.sha256(raw(IDENTIFIERS[0])).hexdigest()
    add("digest with another end", digest[:-1] + ("0" if digest[-1] != "0" else "1"))
    add("digest of 48 bits", digest[:12])
    found.append(Look("event", dump(started())))
    return found
