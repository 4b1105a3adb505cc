"""A corpus of leaks and of what only looks like one, made from a seed. It shares no code with what searches.

Every specimen is one value in an event. Families are what recall is counted by; encodings are Python's own.
"""

from __future__ import annotations

import base64
import bz2
import codecs
import gzip
import html
import itertools
import json
import quopri
import random
import re
import string
import urllib.parse
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

Make = Callable[["Maker"], str]


class Specimen(NamedTuple):
    """`rule`: what must find it, or None where nothing may. `where`: the member of `properties`, or the page's title."""

    family: str
    rule: str | None
    value: Any
    where: str = "title"


class Maker:
    """Values from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def of(self, alphabet: str, size: int) -> str:
        return "".join(self.random.choice(alphabet) for _ in range(size))

    def alnum(self, size: int) -> str:
        return self.of(string.ascii_letters + string.digits, size)

    def hex(self, size: int) -> str:
        return self.of("0123456789abcdef", size)

    def digits(self, size: int) -> str:
        return self.of("0123456789", size)

    def between(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def pick(self, *items: str) -> str:
        return self.random.choice(items)

    def person(self) -> str:
        first = self.pick("jane", "omar", "lucia", "piotr", "mei", "anders", "fatima", "tomas")
        last = self.pick("roe", "haddad", "moreau", "nowak", "lindqvist", "okafor", "sandoval", "weber")
        return self.pick(f"{first}.{last}", f"{first}{self.between(10, 99)}", f"{first}_{last}", f"{first}+news.{last}")

    def company(self) -> str:
        return self.pick("acme-mail.co", "fabrikam-mail.com", "northwind.de", "contoso-labs.io", "mail.tailspin.co.uk")

    def address(self) -> str:
        return f"{self.person()}@{self.company()}"

    def password(self) -> str:
        return self.of("abcdefghkmnpqrstuvwxyzABCDEFGHKMNPQRSTUVWXYZ", 5) + self.digits(3) + self.alnum(4)

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))


# ---- encodings ---------------------------------------------------------------------------------------------------------


def _base58(data: bytes) -> str:
    letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = letters[digit] + text
    return text


def _lines(text: str, width: int) -> str:
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


ENCODINGS: dict[str, Callable[[str], str]] = {
    "percent": lambda t: urllib.parse.quote(t, safe=""),
    "percent of every byte": lambda t: "".join(f"%{b:02x}" for b in t.encode()),
    "percent twice": lambda t: urllib.parse.quote(urllib.parse.quote(t, safe=""), safe=""),
    "%u": lambda t: "".join(f"%u{ord(c):04x}" for c in t),
    "decimal entities": lambda t: "".join(f"&#{ord(c)};" for c in t),
    "hex entities": lambda t: "".join(f"&#x{ord(c):X};" for c in t),
    "named entities": lambda t: html.escape(t).replace("@", "&commat;").replace(".", "&period;").replace("+", "&plus;"),
    "JSON escapes": lambda t: "".join(f"\\u{ord(c):04x}" for c in t),
    r"\x": lambda t: "".join(f"\\x{b:02x}" for b in t.encode()),
    "JSON in a string": lambda t: json.dumps({"a": [t, 7]}),
    "base64": lambda t: base64.b64encode(t.encode()).decode(),
    "base64url": lambda t: base64.urlsafe_b64encode(t.encode()).decode().rstrip("="),
    "base64, one letter glued": lambda t: "x" + base64.b64encode(t.encode()).decode(),
    "base64 within longer text": lambda t: base64.b64encode(f"q: {t} ok".encode()).decode(),
    "base64, wrapped": lambda t: _lines(base64.b64encode(t.encode()).decode(), 16),
    "base32": lambda t: base64.b32encode(t.encode()).decode(),
    "base32, small": lambda t: base64.b32encode(t.encode()).decode().lower().rstrip("="),
    "base58": lambda t: _base58(t.encode()),
    "hex": lambda t: t.encode().hex(),
    "hex, capital": lambda t: t.encode().hex().upper(),
    "hex, separated": lambda t: t.encode().hex(":"),
    "hex, with spaces": lambda t: t.encode().hex(" "),
    "hex, in groups": lambda t: t.encode().hex(" ", -2),
    "hex, in groups with dashes": lambda t: t.encode().hex("-", 4),
    "deflate, hex": lambda t: zlib.compress(t.encode(), wbits=-15).hex(),
    "numbers with dots": lambda t: ".".join(map(str, t.encode())),
    "base64, wrapped in a longer text": lambda t: (
        f"id: 7\n{_lines(base64.b64encode(t.encode()).decode(), 20)}\nend of it"
    ),
    "quoted-printable, marks only": lambda t: "".join(c if c.isalnum() else f"={ord(c):02X}" for c in t if c.isascii()),
    "zlib, behind a path": lambda t: "/applications/" + base64.b64encode(zlib.compress(t.encode())).decode(),
    "hex, 0x each": lambda t: ", ".join(f"0x{b:02x}" for b in t.encode()),
    "numbers with spaces": lambda t: " ".join(map(str, t.encode())),
    "zlib, base32": lambda t: base64.b32encode(zlib.compress(t.encode())).decode(),
    "full width, base64": lambda t: base64.b64encode(ENCODINGS["full width"](t).encode()).decode(),
    "full width in wrapped base64": lambda t: _lines(
        base64.b64encode(ENCODINGS["full width"](t).encode()).decode(), 76
    ),
    "hex, 0x": lambda t: "0x" + t.encode().hex(),
    "quoted-printable": lambda t: "".join(f"={b:02X}" for b in t.encode()),
    "quoted-printable, mixed": lambda t: quopri.encodestring(t.encode(), quotetabs=True).decode().replace("@", "=40"),
    "UTF-16, base64": lambda t: base64.b64encode(t.encode("utf-16")).decode(),
    "gzip, base64": lambda t: base64.b64encode(gzip.compress(t.encode(), mtime=0)).decode(),
    "zlib, base64": lambda t: base64.b64encode(zlib.compress(t.encode())).decode(),
    "deflate, base64url": lambda t: base64.urlsafe_b64encode(zlib.compress(t.encode(), wbits=-15)).decode().rstrip("="),
    "bzip2, base64": lambda t: base64.b64encode(bz2.compress(t.encode())).decode(),
    "list of bytes": lambda t: json.dumps(list(t.encode())),
    "full width": lambda t: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in t),
    "zero-width": "\u200b".join,
    "data: URI": lambda t: "data:text/plain;base64," + base64.b64encode(t.encode()).decode(),
}
TURNS: dict[str, Callable[[str], str]] = {"reversed": lambda t: t[::-1], "rot13": lambda t: codecs.encode(t, "rot13")}
SINGLE = (
    "percent", "decimal entities", "JSON escapes", "JSON in a string", "base64", "base64url", "base32", "hex",
    "quoted-printable", "full width", r"\x", "hex, separated",
)  # fmt: skip
PACKED = ("gzip, base64", "zlib, base64", "deflate, base64url", "UTF-16, base64")
"""Two layers each."""

TURNED = ("gzip, base64", "zlib, base64", "decimal entities", "hex, separated", "hex", "base64")
"""What shows what it is when it is read backwards, or shifted, too."""

# ---- leaks ---------------------------------------------------------------------------------------------------------------

ADDRESSES: dict[str, Make] = {
    "alone": Maker.address,
    "in prose": lambda m: f"Invited {m.address()} to the workspace.",
    "in a URL": lambda m: f"https://app.contoso-labs.io/invite?to={urllib.parse.quote(m.address())}&page=2",
    "mailto": lambda m: f"mailto:{m.address()}",
    "with a name": lambda m: f"Jane Roe <{m.address()}>",
    "capital": lambda m: m.address().upper(),
    "quoted name": lambda m: f'"{m.person()} the {m.between(2, 9)}th"@{m.company()}',
    "other script": lambda m: (
        f"{m.person()}@{m.pick('bücher.example-shop.de', 'почта.рф', 'münchen-post.de', '例え.jp')}"
    ),
    "punycode": lambda m: f"{m.person()}@xn--bcher-kva.xn--p1ai",
    "in a log line": lambda m: f"2020-11-04 08:05 user={m.address()} status=ok",
    "in user-info": lambda m: f"https://{urllib.parse.quote(m.address(), safe='')}:8k2@host.northwind.de/x",
}


def _caps(m: Maker) -> str:
    return m.of(string.ascii_uppercase + string.digits, 8)


def _jwt(m: Maker) -> str:
    parts = ({"alg": m.pick("HS256", "RS256", "ES256"), "typ": "JWT"}, {"sub": m.digits(6), "iat": 1604477152})
    head = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{m.alnum(43)}"


SECRETS: dict[str, Make] = {
    "AWS": lambda m: "AKIA" + m.of(string.ascii_uppercase + "234567", 16),
    "AWS, session": lambda m: "ASIA" + m.of(string.ascii_uppercase + "234567", 16),
    "Google": lambda m: "AI" + "za" + m.alnum(35),
    "Azure storage": lambda m: (
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + m.alnum(86) + "==;EndpointSuffix=x"
    ),
    "Azure signature": lambda m: f"https://a.blob.core.windows.net/c/f?sv=2020-02-10&sp=r&sig={m.alnum(43)}%3D",
    "GitHub": lambda m: m.pick("ghp", "gho", "ghs") + "_" + m.alnum(36),
    "GitHub, fine": lambda m: "github_" + "pat_" + m.alnum(22) + "_" + m.alnum(59),
    "GitLab": lambda m: "gl" + "pat-" + m.alnum(20),
    "Slack": lambda m: f"xo{'xb'}-{m.digits(12)}-{m.digits(13)}-{m.alnum(24)}",
    "Stripe": lambda m: f"{m.pick('sk', 'rk')}_{m.pick('live', 'test')}_{m.alnum(24)}",
    "Twilio": lambda m: "S" + "K" + m.hex(32),
    "SendGrid": lambda m: f"S{'G'}.{m.alnum(22)}.{m.alnum(43)}",
    "OpenAI": lambda m: "s" + "k-" + m.alnum(48),
    "OpenAI, project": lambda m: "s" + "k-proj-" + m.alnum(64),
    "npm": lambda m: "npm" + "_" + m.alnum(36),
    "JWT": _jwt,
    "JWT in a URL": lambda m: f"https://app.contoso-labs.io/cb?id={_jwt(m)}",
    "private key": lambda m: (
        f"-----BEGIN {m.pick('RSA ', 'EC ', 'OPENSSH ', '')}PRIVATE KEY-----\n{m.alnum(64)}\n{m.alnum(64)}"
    ),
    "private key, one line": lambda m: f"-----BEGIN PRIVATE KEY-----\\n{m.alnum(64)}\\n-----END PRIVATE KEY-----",
    "bearer": lambda m: f"Authorization: Bearer {m.alnum(32)}",
    "bearer, bare": lambda m: f"bearer {m.alnum(24)}",
    "basic": lambda m: "Basic " + base64.b64encode(f"{m.person()}:{m.password()}".encode()).decode(),
    "PostgreSQL": lambda m: (
        f"{m.pick('postgres', 'postgresql')}://app:{m.password()}@db-{m.digits(2)}.internal:5432/orders"
    ),
    "MySQL": lambda m: f"mysql://root:{m.password()}@10.0.{m.between(1, 9)}.5/shop",
    "MongoDB": lambda m: f"mongodb+srv://svc:{m.password()}@cluster{m.digits(1)}.mongo.northwind.de/test?w=majority",
    "Telegram": lambda m: f"https://api.telegram.org/bot{m.between(1, 9)}{m.digits(8)}:A{'A'}{m.alnum(33)}/sendMessage",
    "Redis": lambda m: f"redis://:{m.password()}@cache:6379/0",
    "AMQP": lambda m: f"amqps://queue:{m.password()}@mq.internal/vhost",
    "JDBC": lambda m: f"jdbc:postgresql://db:5432/x?user=app&password={m.password()}",
    "JDBC, SQL Server": lambda m: f"jdbc:sqlserver://db:1433;databaseName=x;user=sa;password={m.password()}",
    "ADO": lambda m: f"Server=db;Database=shop;User Id=sa;Password={m.password()};",
    "libpq": lambda m: f"host=db port=5432 dbname=x user=app password={m.password()}",
    "Postman": lambda m: f"PM{'AK'}-{m.hex(24)}-{m.hex(34)}",
    "Terraform": lambda m: f"{m.alnum(14)}.atlasv1.{m.alnum(67)}",
    "Square": lambda m: "EA" + "AAE" + m.alnum(59),
    "Brevo": lambda m: f"xkey{'sib'}-{m.hex(64)}-{m.alnum(16)}",
    "CircleCI": lambda m: f"CCI{'PAT'}_{m.alnum(22)}_{m.hex(40)}",
    "Groq": lambda m: "gs" + "k_" + m.alnum(52),
    "xAI": lambda m: "xa" + "i-" + m.alnum(80),
    "Tailscale": lambda m: f"ts{'key'}-auth-{m.alnum(12)}CNTRL-{m.alnum(32)}",
    "Plaid": lambda m: f"access-{'production'}-{m.uuid()}",
    "Alibaba": lambda m: "LT" + "AI5t" + m.alnum(18),
    "SonarQube": lambda m: "sq" + "u_" + m.hex(40),
    "Fly": lambda m: "fo" + "1_" + m.alnum(43),
    "X": lambda m: "A" * 22 + m.alnum(40) + "%3D" + m.alnum(40),
    "Discord bot": lambda m: f"{base64.b64encode(m.of('123456789', 18).encode()).decode()}.{m.alnum(6)}.{m.alnum(27)}",
    "password that ends in a dollar": lambda m: f"DB_PASSWORD={m.password()}$",
    "variable of an environment": lambda m: f"export {m.pick('CLOUDFLARE_API', 'BOT', 'DEPLOY')}_TOKEN={m.alnum(40)}",
    "header of a service": lambda m: f"X-Postmark-Server-Token: {m.uuid()}",
    "token in a query": lambda m: f"https://api.northwind.de/rows?token={m.alnum(32)}&page=2",
    "salt": lambda m: f"APPSMITH_ENCRYPTION_SALT={m.password()}{m.alnum(8)}",
    "hash of a password": lambda m: m.pick("$2b$12$" + m.alnum(53), "$apr1$" + m.alnum(8) + "$" + m.alnum(22)),
    "signed address": lambda m: f"https://storage.googleapis.com/b/f?X-Goog-Signature={m.hex(128)}",
    "password of a command": lambda m: (
        m.pick("sshpass -p ", "redis-cli -h x -a ", "docker login -u x -p ") + m.password()
    ),
    "netrc": lambda m: f"machine api.northwind.de login app password {m.password()}",
    "cookie": lambda m: f"Cookie: theme=dark; {m.pick('session', 'connect.sid', 'JSESSIONID')}={m.alnum(32)}",
    "command line": lambda m: m.pick("curl -u admin:", "sqlcmd -S db -P ", "mysql -u root -p") + m.password(),
    "Feishu webhook": lambda m: f"https://open.feishu.cn/open-apis/bot/v2/hook/{m.uuid()}",
    "DingTalk webhook": lambda m: f"https://oapi.dingtalk.com/robot/send?access_token={m.hex(64)}",
    "Slack webhook": lambda m: f"https://hooks.slack.com/services/T{_caps(m)}/B{_caps(m)}/{m.alnum(24)}",
    "Discord webhook": lambda m: f"https://discord.com/api/webhooks/{m.digits(18)}/{m.alnum(68)}",
}


def _iban(country: str, bban: str) -> str:
    turned = "".join(str(int(c, 36)) for c in bban + country + "00")
    return f"{country}{98 - int(turned) % 97:02d}{bban}"


def _card(m: Maker, prefix: str, size: int) -> str:
    body = prefix + m.digits(size - len(prefix) - 1)
    doubled = (int(c) * (2 if at % 2 == 0 else 1) for at, c in enumerate(reversed(body)))
    total = sum(n - 9 if n > 9 else n for n in doubled)
    return body + str(-total % 10)


def _grouped(text: str, mark: str) -> str:
    return mark.join(text[at : at + 4] for at in range(0, len(text), 4))


def _german(m: Maker) -> str:
    return _iban("DE", m.pick("37040044", "10010010", "50010517") + m.digits(10))


def _belgian(m: Maker) -> str:
    account = "539" + m.digits(7)
    return _iban("BE", f"{account}{int(account) % 97 or 97:02d}")


NUMBERS: dict[str, Make] = {
    "phone, German": lambda m: f"+49 {m.pick('151', '160', '172')} {m.between(20, 99)}{m.digits(6)}",
    "phone, American": lambda m: (
        f"+1{m.pick('415', '212', '312')}{m.between(2, 9)}{m.pick('23', '45', '67')}{m.digits(4)}"
    ),
    "phone, British": lambda m: f"Call +44 20 7{m.between(100, 999)} {m.digits(4)} today",
    "phone, French": lambda m: f"tel:+336{m.between(10, 79)}{m.digits(6)}",
    "phone, American, local": lambda m: (
        f"({m.pick('415', '212', '312')}) {m.between(2, 9)}{m.pick('34', '56')}-{m.digits(4)}"
    ),
    "phone, named in text": lambda m: f"Tel: 0{m.pick('151', '160', '172')} {m.between(20, 99)}{m.digits(6)}",
    "IBAN": _german,
    "IBAN, grouped": lambda m: _grouped(_german(m), " "),
    "IBAN in prose": lambda m: f"transfer to {_german(m)} please",
    "IBAN, Belgian": _belgian,
    "IBAN, British": lambda m: _iban("GB", "NWBK" + m.digits(14)),
    "card": lambda m: _card(m, m.pick("4", "51", "53"), 16),
    "card, grouped": lambda m: _grouped(_card(m, m.pick("4", "52", "6011"), 16), m.pick(" ", "-")),
    "card, with dots": lambda m: _grouped(_card(m, m.pick("4", "2200", "62"), 16), "."),
    "card, long": lambda m: _grouped(_card(m, "4", 19), " "),
    "card, Diners": lambda m: re.sub(r"(....)(......)(.+)", r"\1-\2-\3", _card(m, m.pick("36", "38"), 14)),
    "phone, called so": lambda m: (
        f"{m.pick('Mob.: ', 'mobile no ', 'Telefonnummer: ', 'dial ')}0{m.pick('151', '160')} {m.between(20, 99)}{m.digits(6)}"
    ),
    "card, American Express": lambda m: _card(m, "37", 15),
    "phone, 00": lambda m: f"0049 {m.pick('151', '160', '172')} {m.between(20, 99)}{m.digits(6)}",
    "place, degrees": lambda m: f"{m.between(40, 58)}.{m.digits(4)}° N, {m.between(4, 20)}.{m.digits(4)}° E",
    "place, in a path": lambda m: f"/weather/{m.between(40, 58)}.{m.digits(6)}/{m.between(4, 20)}.{m.digits(6)}",
    "IPv4, small numbers": lambda m: (
        f"X-Forwarded-For: {m.between(5, 99)}.{m.between(1, 99)}.{m.between(1, 99)}.{m.between(1, 99)}"
    ),
    "place, pair": lambda m: f"{m.between(40, 58)}.{m.digits(6)},{m.between(4, 20)}.{m.digits(6)}",
    "place, in a URL": lambda m: (
        f"https://m.northwind.de/?lat={m.between(40, 58)}.{m.digits(5)}&lng={m.between(4, 20)}.{m.digits(5)}"
    ),
    "place, on a map": lambda m: (
        f"https://maps.northwind.de/@{m.between(40, 58)}.{m.digits(7)},{m.between(4, 20)}.{m.digits(7)},15z"
    ),
    "place, lettered": lambda m: f"N {m.between(40, 58)}.{m.digits(5)}, E {m.between(4, 20)}.{m.digits(5)}",
    "place, JSON": lambda m: json.dumps({"latitude": m.between(400, 580) / 10 + 0.01234, "longitude": 13.40495}),
    "MAC": lambda m: ":".join(m.of("0123456789ABCDEF", 2) for _ in range(5)) + ":4B",
    "MAC, dashes": lambda m: "A4-" + "-".join(m.of("0123456789ABCDEF", 2) for _ in range(5)),
    "IPv4": lambda m: f"{m.pick('203.0', '198.51', '81.217')}.{m.between(100, 250)}.{m.between(1, 250)}",
    "IPv4 in a log line": lambda m: f"accepted from 198.51.100.{m.between(1, 250)} port 22",
    "IPv6": lambda m: f"2001:db8:{m.hex(4)}:{m.hex(4)}::{m.hex(4)}",
}

ERRORS = (
    "Access denied for user '{w}'@'10.0.0.5' (using password: YES)",
    'ERROR: duplicate key value violates unique constraint "users_email_key"\nDETAIL: Key (email)=({w}) already exists.',
    "ORA-00001: unique constraint (SHOP.USERS_PK) violated",
    "Duplicate entry '{w}' for key 'users.name'",
    "SQLSTATE[23000]: Integrity constraint violation: 1062",
    'E11000 duplicate key error collection: shop.users index: name_1 dup key: { name: "{w}" }',
    "Failing row contains ({n}, {w}, null).",
    "Incorrect integer value: '{w}' for column 'age' at row 1",
    "Conversion failed when converting the varchar value '{w}' to data type int.",
    "ValueError: invalid literal for int() with base 10: '{w}'",
    "ValueError: could not convert string to float: '{w}'",
    'java.lang.NumberFormatException: For input string: "{n},{n}.50"',
    'CastError: Cast to ObjectId failed for value "{w}" (type string) at path "_id"',
    "Cannot parse value '{w}' in column salary",
    'Invalid date "{w}": expected ISO 8601',
    "time data '{w}' does not match format '%Y-%m-%d'",
    "1 validation error for Order\namount\n  Input should be an integer [type=int_parsing, input_value='{w}', input_type=str]",
    "failed to parse field [age] of type [long] in document with id '1'. Preview of field's value: '{w}'",
    "Traceback (most recent call last):\n  File \"app.py\", line 7, in load\n    row = rows[key]\nLookupError: '{w}'",
    "Truncated incorrect DOUBLE value: '{w}'",
    'ERROR: date/time field value out of range: "{w}"',
    "Cannot add or update a child row: a foreign key constraint fails (`shop`.`orders`, CONSTRAINT `fk`) at {n}",
    "SyntaxError: Unexpected token M in JSON at position 0: {w}",
    "PHP Fatal error\n#0 /srv/app/login.php(12): login('{w}', 'x{n}')\n#1 {main}",
    "System.FormatException: Input string '{w}' was not in a correct format.",
    'strconv.Atoi: parsing "{w}": invalid syntax',
    'SyntaxError: Unexpected end of input while parsing \'{"name":"{w}"}\'',
    "Node(12) already exists with label `User` and property `name` = '{w}'",
    "Cannot cast 'Jane Roe {n}' to BIGINT",
    'data/age must be integer, got "Jane Roe"',
    "bad value for restricted picklist field: Jane Roe",
    "failed to parse date field [{w}] with format [yyyy]",
    "could not execute statement; insert into users (name) values ('{w}') was aborted",
    'ArgumentError (invalid value for Integer(): "{w}")',
    "TypeError: total.toFixed is no method\n    at render (app.js:3:7)\n  row = { id: {n}, name: '{w}' }",
    'Request failed with status 422: {"error":"taken","customer":{"id":{n},"name":"{w}","city":"Oslo"}}',
    "com.acme.ImportException: value '{w}' is not allowed\n\tat com.acme.Importer.run(Importer.java:42)",
)


def _row(m: Maker) -> dict[str, Any]:
    return {"id": m.between(1, 9999), "name": m.person(), "total": m.between(1, 999)}


def _rows(m: Maker) -> list[dict[str, Any]]:
    return [_row(m) for _ in range(m.between(2, 4))]


def _csv(m: Maker, mark: str) -> str:
    return "\n".join([mark.join(("id", "name", "total")), *(mark.join(map(str, r.values())) for r in _rows(m))])


def _error(m: Maker) -> str:
    text = m.random.choice(ERRORS)
    return text.replace("{w}", f"{m.person()} {m.digits(3)}").replace("{n}", m.digits(3))


def _psql(m: Maker) -> str:
    lines = "\n".join(f" {r['id']:>4} | {r['name']:<12}" for r in _rows(m))
    return f"  id  |     name     \n------+--------------\n{lines}\n"


def _mysql(m: Maker) -> str:
    rule = "+------+--------------+"
    lines = "\n".join(f"| {r['id']:>4} | {r['name']:<12} |" for r in _rows(m))
    return f"{rule}\n| id   | name         |\n{rule}\n{lines}\n{rule}"


def _xml(m: Maker) -> str:
    return (
        "<users>" + "".join(f"<user><id>{r['id']}</id><name>{r['name']}</name></user>" for r in _rows(m)) + "</users>"
    )


def _attributes(m: Maker) -> str:
    return "<orders>" + "".join(f'<order id="{r["id"]}" total="{r["total"]}"/>' for r in _rows(m)) + "</orders>"


DATA: dict[str, Make] = {
    "JSON rows": lambda m: json.dumps(_rows(m)),
    "JSON rows in prose": lambda m: f"Response: {json.dumps(_rows(m))} in {m.digits(2)} ms",
    "JSON rows, cut off": lambda m: json.dumps([*_rows(m), _row(m)])[:-20],
    "JSON, in JSON": lambda m: json.dumps(json.dumps({"rows": _rows(m)})),
    "Python rows": lambda m: str(_rows(m)),
    "Python tuples": lambda m: str([tuple(row.values()) for row in _rows(m)]),
    "directory": lambda m: f"dn: uid=x{m.digits(3)},ou=people\nobjectClass: person\ncn: {m.person()}\nsn: x",
    "contact card": lambda m: f"BEGIN:VCARD\nVERSION:3.0\nFN:{m.person()}\nEND:VCARD",
    "spreadsheet": lambda m: json.dumps(
        {"range": "A1:B3", "majorDimension": "ROWS", "values": [["id", "name"], [m.digits(3), m.person()]]}
    ),
    "NDJSON": lambda m: "\n".join(map(json.dumps, _rows(m))),
    "result set": lambda m: json.dumps({"rowCount": 1, "rows": [_row(m)]}),
    "table": lambda m: json.dumps({"columns": ["id", "name"], "rows": [[m.between(1, 99), m.person()]]}),
    "response": lambda m: json.dumps({"status": 200, "data": {"name": m.person()}}),
    "response as text": lambda m: f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{m.person()}",
    "GraphQL": lambda m: json.dumps({"data": {"user": {"id": m.digits(4), "name": m.person()}}}),
    "GraphQL, edges": lambda m: json.dumps({"data": {"users": {"edges": [{"node": {"name": m.person()}}]}}}),
    "typed document": lambda m: json.dumps({"_id": {"$oid": m.hex(24)}, "name": m.person()}),
    "CSV": lambda m: _csv(m, ","),
    "CSV, quoted": lambda m: (
        "id,name,total\n" + "\n".join(f'{r["id"]},"{r["name"]}, x",{r["total"]}' for r in _rows(m))
    ),
    "TSV": lambda m: _csv(m, "\t"),
    "semicolons": lambda m: _csv(m, ";"),
    "psql": _psql,
    "mysql": _mysql,
    "YAML": lambda m: "\n".join(f"- id: {r['id']}\n  name: {r['name']}" for r in _rows(m)),
    "objects of a program": lambda m: ", ".join(f"User{{id={r['id']}, name='{r['name']}'}}" for r in _rows(m)),
    "PHP": lambda m: f"Array ( [id] => {m.digits(3)} [name] => {m.person()} [city] => Oslo )",
    "Ruby": lambda m: ", ".join(f'{{:id=>{r["id"]}, :name=>"{r["name"]}"}}' for r in _rows(m)),
    "drawn table": lambda m: (
        "│ id │ name │\n├────┼──────┤\n" + "\n".join(f"│ {r['id']} │ {r['name']} │" for r in _rows(m))
    ),
    "sqlcmd": lambda m: "id   name\n---- --------\n" + "\n".join(f"{r['id']} {r['name']}" for r in _rows(m)),
    "data frame": lambda m: f"   id   name\n0   {m.digits(2)}   {m.person()}\n1   {m.digits(2)}   {m.person()}",
    "COPY": lambda m: f"COPY users (id, name) FROM stdin;\n{m.digits(2)}\t{m.person()}\n\\.",
    "objects of a class": lambda m: f"[Row(id={m.digits(2)}, name='{m.person()}'), Row(id=2, name='{m.person()}')]",
    "document": lambda m: json.dumps({"_id": m.hex(8), "_rev": f"1-{m.hex(32)}", "name": m.person()}),
    "typed cells": lambda m: json.dumps({"rows": [{"f": [{"v": m.digits(2)}, {"v": m.person()}]}]}),
    "OData": lambda m: f"<entry><content><m:properties><d:Name>{m.person()}</d:Name></m:properties></content></entry>",
    "psql, expanded": lambda m: f"-[ RECORD 1 ]\nid   | {m.between(1, 99)}\nname | {m.person()}\n",
    "GraphQL, error": lambda m: json.dumps({"errors": [{"message": f"no user {m.person()}", "path": ["user"]}]}),
    "XML": _xml,
    "XML attributes": _attributes,
    "HTML table": lambda m: (
        "<table>" + "".join(f"<tr><td>{r['id']}</td><td>{r['name']}</td></tr>" for r in _rows(m)) + "</table>"
    ),
    "error": _error,
}


def _cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


NAMED: dict[str, tuple[str, Callable[[Maker], tuple[str, Any]]]] = {
    # what only its member's name makes plain, or what is no text at all
    "password": ("secret", lambda m: ("dbPassword", m.password())),
    "client secret": ("secret", lambda m: ("client_secret", m.alnum(32))),
    "phone as a number": ("personal-data", lambda m: ("phone", int(f"49151{m.between(2, 9)}{m.digits(7)}"))),
    "card as a number": ("personal-data", lambda m: ("cardNumber", int(_card(m, "4", 16)))),
    "card as a bare number": ("personal-data", lambda m: ("value", int(_card(m, "51", 16)))),
    "key of an API": ("secret", lambda m: ("apiKey", m.alnum(32))),
    "address of a client": ("personal-data", lambda m: ("clientIp", f"10.0.{m.between(0, 9)}.{m.between(1, 9)}")),
    "place as numbers": (
        "personal-data",
        lambda m: ("position", {"lat": 52.52 + m.between(1, 999) / 1e5, "lng": 13.40495}),
    ),
    "place, GeoJSON": (
        "personal-data",
        lambda m: ("geometry", {"coordinates": [13.40495, 52.52 + m.between(1, 999) / 1e5]}),
    ),
    "rows": ("datasource-payload", lambda m: ("rows", _rows(m))),
    "columns": (
        "datasource-payload",
        lambda m: ("table", {"id": [1, 2, m.between(3, 9)], "name": [m.person(), "b", "c"]}),
    ),
    "address in a list": ("email-address", lambda m: ("team", ["x", m.address()])),
    "address in pieces": ("email-address", lambda m: ("parts", [*_cut(m.address(), 7)])),
    "address as bytes": ("email-address", lambda m: ("blob", list(m.address().encode()))),
    "token in pieces": (
        "secret",
        lambda m: ("parts", dict(zip("abcdef", _cut(SECRETS["GitHub"](m), 9), strict=False))),
    ),
    "account as bytes": ("personal-data", lambda m: ("blob", list(_german(m).encode()))),
    "address as a name": ("email-address", lambda m: ("seen", {m.address(): 1})),
}


def leaks(seed: int = 20201104) -> Iterator[Specimen]:
    """Every family in every plain form, and the encodings with values of each kind."""
    m = Maker(seed)
    plain = (
        ("email-address", ADDRESSES, 4),
        ("secret", SECRETS, 3),
        ("personal-data", NUMBERS, 3),
        ("datasource-payload", DATA, 4),
    )
    for rule, makes, number in plain:
        for make in makes.values():
            yield from (Specimen(f"{rule}, plain", rule, make(m)) for _ in range(number))
    for rule, named in NAMED.values():
        yield from (Specimen("by name or as numbers", rule, value, where) for where, value in (named(m), named(m)))
    values: tuple[tuple[str, Make], ...] = (
        ("email-address", lambda m: m.address()),
        ("secret", lambda m: SECRETS[m.pick("GitHub", "AWS", "Stripe", "PostgreSQL", "JWT")](m)),
        ("personal-data", lambda m: NUMBERS[m.pick("IBAN", "phone, American", "card, grouped")](m)),
        ("datasource-payload", lambda m: DATA[m.pick("JSON rows", "CSV", "XML")](m)),
    )
    for encode in ENCODINGS.values():
        yield from (Specimen(f"{rule}, one encoding", rule, encode(make(m))) for rule, make in values)
    for turn in TURNS.values():
        yield from (Specimen("e-mail and tokens, turned", "email-address", turn(m.address())) for _ in range(6))
        yield from (Specimen("e-mail and tokens, turned", "secret", turn(SECRETS["GitHub"](m))) for _ in range(3))
    for stack in (*itertools.permutations(SINGLE, 2), *itertools.product(PACKED, SINGLE)):
        rule, make = values[m.between(0, 3)]
        yield Specimen("two encodings", rule, _stacked(make(m), stack))
    for name, turn in itertools.product(TURNED, TURNS.values()):
        yield Specimen("two encodings", "email-address", turn(ENCODINGS[name](m.address())))
    for _ in range(80):
        rule, make = values[m.between(0, 3)]
        yield Specimen("three encodings", rule, _stacked(make(m), m.random.sample(SINGLE, 3)))


def _stacked(text: str, names: Iterable[str]) -> str:
    for name in names:
        text = ENCODINGS[name](text)
    return text


# ---- what only looks like a leak -------------------------------------------------------------------------------------------

LOOK_ALIKES: dict[str, Make] = {
    "npm scope": lambda m: (
        f"@{m.pick('babel', 'types', 'acme')}/{m.pick('core', 'node', 'ui')}@{m.between(1, 9)}.{m.digits(1)}.0"
    ),
    "retina image": lambda m: (
        f"{m.pick('logo', 'icon', 'hero')}@{m.pick('2x', '3x', '1.5x')}.{m.pick('png', 'webp', 'jpg')}"
    ),
    "git remote": lambda m: (
        f"git@{m.pick('github.com', 'gitlab.com', 'code.acme.co')}:{m.pick('org', 'team')}/{m.pick('repo', 'app.git')}"
    ),
    "CSS": lambda m: m.pick(
        "@media screen and (max-width: 9em)", "@import url(x.css);", "a:hover { color: #fff }", "@font-face"
    ),
    "schedule": lambda m: m.pick(
        f"*/{m.between(1, 9)} * * * *", f"0 {m.between(1, 9)} 1,15 * 3", "@daily", "5 4 * * sun"
    ),
    "locale": lambda m: m.pick("sr_RS@latin", "de_DE@euro", "zh-Hant-TW", "en-US,en;q=0.9,de;q=0.8", "UTC+05:30"),
    "version range": lambda m: m.pick("^1.2.3 || ~2.0.0", f">=1.{m.digits(1)}.7 <1.9.0", "4:8.0.22-0ubuntu0.20.04.2"),
    "imperative": lambda m: m.pick(
        "Create table view", "Select a table from the list", "Drop column here", "Find users"
    ),
    "file path": lambda m: m.pick(
        "/usr/local/lib/python3.8/x.py", f"C:\\app\\x{m.digits(2)}.exe", "./src/a/index.tsx:42:17"
    ),
    "error tracker": lambda m: f"https://{m.hex(32)}@o{m.digits(6)}.ingest.sentry.io/{m.digits(7)}",
    "version": lambda m: m.pick(
        "1.2.3.4", f"v{m.digits(1)}.{m.digits(2)}.{m.digits(3)}-rc.1", "86.0.4240.111", "10.0.19041.208", "2020.11.4"
    ),
    "hash": lambda m: m.hex(m.random.choice((32, 40, 64, 128))),
    "hash, base64": lambda m: base64.b64encode(m.random.randbytes(32)).decode(),
    "random id": lambda m: m.alnum(m.between(12, 40)),
    "uuid": lambda m: m.uuid(),
    "object id": lambda m: m.hex(24),
    "short id": lambda m: m.alnum(m.between(4, 11)),
    "digits": lambda m: m.digits(m.between(3, 19)),
    "order number": lambda m: f"ORD-{m.digits(4)}-{m.digits(5)}",
    "unix time": lambda m: m.pick(f"16044{m.digits(5)}", f"16044{m.digits(8)}", f"16044{m.digits(11)}"),
    "date-time": lambda m: (
        f"2020-11-0{m.between(1, 9)}T08:{m.between(10, 59)}:{m.between(10, 59)}.{m.digits(3)}{m.pick('Z', '+01:00')}"
    ),
    "user agent": lambda m: (
        f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/86.0.{m.digits(4)}.{m.digits(3)} Safari/537.36"
    ),
    "page address": lambda m: (
        f"https://dev.appsmith.com/applications/{m.hex(24)}/pages/{m.hex(24)}/edit?branch=main&v={m.digits(2)}"
    ),
    "host by number": lambda m: f"http://192.168.1.{m.between(2, 250)}:8080/applications",
    "publishable key": lambda m: f"pk_{m.pick('live', 'test')}_{m.alnum(24)}",
    "write key": lambda m: f"writeKey={m.alnum(32)}",
    "public token": lambda m: f"phc_{m.alnum(43)}",
    "placeholder": lambda m: m.pick(
        "Bearer <token>", "postgres://user:password@localhost/db", "ghp_" + "x" * 36, "api_key=YOUR_API_KEY"
    ),
    "wrong check digit": lambda m: _wrong(_card(m, "4", 16)),
    "wrong IBAN": lambda m: "DE" + m.of("3456", 2) + m.pick("0000000000000000", "12345678901234567890")[:16] + "xy",
    "program error": lambda m: m.pick(
        "Cannot read property 'name' of undefined",
        "x is not a function",
        "No module named 'requests'",
        "Network Error",
        "Request failed with status code 404",
    ),
    "stack trace": lambda m: (
        f"TypeError: f is not a function\n    at render (app.js:{m.digits(2)}:7)\n    at main (app.js:3:{m.digits(1)})"
    ),
    "prose": lambda m: m.pick(
        "Select your plan from Settings.",
        "Basic authentication required",
        "Your token expired 20 minutes ago",
        "one, two, three\nfour, five",
        "Editor | Appsmith",
        "100 % of 3 tables, 2 rows",
    ),
    "settings": lambda m: json.dumps({"theme": m.pick("dark", "light"), "size": m.between(1, 9), "tags": ["a", "b"]}),
    "markup": lambda m: f"<div><p>{m.person()}</p><p>x</p></div>",
    "style sheet": lambda m: "a{color:#" + m.hex(6) + ";margin:0} b{color:#" + m.hex(6) + ";margin:1px}",
    "capital word": lambda m: m.pick(
        "Settings", "AuthToken", "InternalServerError", "DataTransferObject", "ApplicationsPageLoad"
    ),
    "selector": lambda m: (
        f"#root > div:nth-child({m.digits(1)}) .btn-{m.pick('primary', 'link')}[data-id='{m.hex(6)}']"
    ),
    "fractions": lambda m: f"0.{m.digits(5)},0.{m.digits(5)}",
    "sizes": lambda m: f"{m.digits(4)}x{m.digits(3)}, scale({m.digits(1)}.{m.digits(3)})",
    "two measures": lambda m: f"{m.digits(1)}.{m.digits(5)}, {m.digits(1)}.{m.digits(5)}",
    "arguments of a style": lambda m: (
        f"hsl({m.between(100, 359)}.{m.digits(5)}, {m.between(10, 90)}.{m.digits(5)}%, 50%)"
    ),
    "widgets": lambda m: json.dumps(
        [{"type": f"{w}_WIDGET", "widgetId": m.alnum(10), "left": m.between(0, 9), "top": 4} for w in ("TABLE", "MAP")]
    ),
    "names of widgets": lambda m: ",".join(m.pick("TABLE", "MAP", "CHART") + "_WIDGET" for _ in range(5)),
    "binding": lambda m: m.pick(
        "{{Table1.selectedRow.name}}",
        "{{Api1.data.map(r => ({ id: r.id, name: r.name }))}}",
        "Hi {{appsmith.user.name}}",
    ),
    "binding in a body": lambda m: (
        'body: {"id": "{{T.row.id}}", "n": "{{x}}", "name": "{{Input' + m.digits(1) + '.text}}"}'
    ),
    "minified program": lambda m: (
        f"!function(e,t){{var n={{id:{m.digits(1)},name:t}};return e.exports=n}}(this,function(e){{return e[{m.digits(2)}]}});"
    ),
    "remote in a query": lambda m: (
        f"?repo={urllib.parse.quote('git@bitbucket.org:team/app.git', safe='')}&n={m.digits(2)}"
    ),
    "tracker in a query": lambda m: (
        f"?dsn={urllib.parse.quote(f'https://{m.hex(32)}@sentry.io/{m.digits(7)}', safe='')}"
    ),
    "variable for a password": lambda m: urllib.parse.quote(m.pick("DB_PASSWORD=${DB_PASSWORD}", "pwd={{store.key1}}")),
    "token that is none": lambda m: f"{m.pick('csrf', 'next_page', 'sync')}_token={m.alnum(32)}",
    "words that an error quotes": lambda m: m.pick(
        "Cannot read property 'value' of undefined",
        "Failed to execute 'removeChild' on 'Node'",
        "Cannot find module './number' in string 'app/main.js'",
        "Unexpected end of input, expected 'string' or 'number'",
    ),
    "timings": lambda m: json.dumps(
        [{"name": n, "entryType": "paint", "startTime": m.between(1, 900), "duration": 0} for n in ("first", "last")]
    ),
    "columns of a table": lambda m: json.dumps(
        [{"id": n, "label": n.title(), "width": m.between(60, 200)} for n in ("name", "city")]
    ),
    "what was not found": lambda m: m.pick(
        "Invalid password",
        "password must be changed, please",
        "Invalid login",
        "mobile 320px",
        "dial 30 %",
        "(3 rows affected)",
        'Warning: Each child in a list should have a unique "key" prop.',
    ),
    "certificate": lambda m: f"-----BEGIN CERTIFICATE-----\n{m.alnum(64)}",
    "internal host": lambda m: f"{m.pick('root', 'svc', 'app')}@{m.pick('server.local', 'db.internal', 'localhost')}",
    "vendor's address": lambda m: "write to support@appsmith.com",
    "other language": lambda m: m.pick(
        "Einstellungen für alle Räume öffnen", "アプリケーションの編集", "Éditeur d'applications", "Настройки страницы"
    ),
    "escaped text": lambda m: urllib.parse.quote(f"filter={m.pick('name asc', 'größer als 5', 'a&b')}"),
    "encoded prose": lambda m: base64.b64encode(f"the page number {m.digits(3)} was opened".encode()).decode(),
    "encoded settings": lambda m: base64.urlsafe_b64encode(
        json.dumps({"tab": m.digits(1), "view": "grid"}).encode()
    ).decode(),
}


def _wrong(card: str) -> str:
    return card[:-1] + str((int(card[-1]) + 3) % 10)


def look_alikes(seed: int = 20201105, each: int = 10) -> Iterator[Specimen]:
    m = Maker(seed)
    for family, make in LOOK_ALIKES.items():
        yield from (Specimen(family, None, make(m)) for _ in range(each))
