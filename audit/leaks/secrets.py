"""Credentials in text, known by the structure that their makers gave them, never by entropy. Linear in the text's length."""

from __future__ import annotations

import codecs
import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from audit.leaks.marks import Marks
from audit.leaks.tokens import FORMS, Secret, is_made, is_mixed, is_real
from audit.model import Grade


class FoundSecret(NamedTuple):
    """`grade`: strong where the form is the maker's own, suspected where only a label says it."""

    kind: Secret
    grade: Grade


_BEARER = re.compile(r"\b(?:bearer|token|apikey|oauth)\s{1,4}([A-Za-z0-9._~+/!-]{8,4096}=*)", re.IGNORECASE)
_BASIC = re.compile(r"\bbasic\s{1,4}([A-Za-z0-9+/_-]{6,1024}={0,2})", re.IGNORECASE)
_JWT = re.compile(r"(?<![A-Za-z0-9_-])(eyJ[A-Za-z0-9_-]{8,2048})\.([A-Za-z0-9_-]{2,16384})\.([A-Za-z0-9_-]{0,2048})")
_PEM = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-{0,5}"
    r"(?:\s|\\[rn]|[A-Za-z-]{1,32}:[^\r\n]{0,128}){0,16}[A-Za-z0-9+/]{16}"
    r"|PuTTY-User-Key-File-[0-9]: "
)
_USERINFO = re.compile(r"([^\s/?#:\"'<>]{0,256}):([^\s/?\"']{1,256})@([\w.\[\]:%-]{1,256})")
_PORT = re.compile(r"[0-9]{1,5}#")
_NAMED_BASIC = re.compile(r"auth[\"']?\s{0,2}[:=]\s{0,2}[\"']?([A-Za-z0-9+/]{8,1024}={0,2})(?![\w+/=])", re.IGNORECASE)
_HEX_KEY = re.compile(r"[0-9a-f]{32}")
_ORACLE = re.compile(r"jdbc:oracle:(?:thin|oci):[\w$#]{1,64}/([^\s/@\"']{1,128})@")
_PASSWORD = re.compile(r"\b(?:password|passwd|pwd|pass)[\"']?\s{0,4}=\s{0,4}[\"']?([^\s;&\"',]{3,256})", re.IGNORECASE)
_SERVER = re.compile(
    r"\b(?:server|data source|host(?:name|addr)?|addr(?:ess)?|network address|driver|dsn|dbname|database|initial catalog|"
    r"user id|uid|endpoint)\s{0,4}=|jdbc:[a-z]",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"(?:passw(?:or)?d|passphrase|secret(?:[_-]?access)?(?:[_-]?key)?(?:_base)?|passwort|(?:api|access|private|secret|account|signing|"
    r"encryption|master|admin)[_-]?key|(?:encryption|password)[_-]?salt|(?:access|api|auth|refresh|session|bearer)[_-]?token|"
    r"\bpwd|(?:_|\b)pass)[\"']?\s{0,4}(?::|=>?|%3D)\s{0,4}[\"']?([\w./+!@#$%^*~-]{6,512})"
    r"|(?<![A-Za-z])(?:[A-Za-z0-9]{1,24}[_-]){0,4}(?<!csrf[_-])(?<!xsrf[_-])(?<!next[_-])(?<!page[_-])(?<!sync[_-])"
    r"(?<!push[_-])(?<!device[_-])token"
    r"[\"']?\s{0,4}(?::|=>?|%3D)\s{0,4}[\"']?([\w./+%~-]{20,512})"
    r"|\bcookie2?[\"']?\s?[:=][^\n]{0,200}?(?:sess|sid|auth|token|jwt)[\w.-]{0,32}=(?:s%3A|s:)?([\w./+%~-]{16,512})"
    r"|\s-u\s?[\w.@-]{1,64}:([^\s\"'$<{][^\s\"'<{]{5,127})|\bsqlcmd\s[^\n]{0,200}?-P\s?([^\s\"'$<{-][^\s\"']{5,128})"
    r"|\bmachine\s[^\n]{1,200}?\spassword\s([^\s\"']{6,128})"
    r"|\b(?:sshpass|redis-cli|(?:docker|az) login|mongo\w{0,8}|psql|ldap\w{1,12})\s[^\n]{0,200}?"
    r"(?<=\s)-[paw]\s?([^\s\"'$<{-][^\s\"']{5,128})"
    r"|[_-]pat[\"']?\s{0,4}=\s{0,4}[\"']?([A-Za-z0-9]{40,90})(?![\w-])"
    r"|\bmysql\w{0,8}\s[^\n]{0,200}?-p([^\s\"'$<{-][^\s\"']{5,128})",
    re.IGNORECASE,
)
_CHOSEN = re.compile(r"\A(?=.{8,64}\Z)(?=.*[a-z][A-Z])(?=.*[!#$%^&*@])[^<>{}\[\]]*\Z")
"""No digit, but capitals inside and a sign: what people choose for a password."""

_PUBLISHABLE = re.compile(r"publi|write|anon|site|recaptcha|client_?token", re.IGNORECASE)
_PUBLIC = re.compile(r"pk[._-]|pub|phc_|public|anon", re.IGNORECASE)


class _By(StrEnum):
    """The forms that are looked at more closely than a pattern can."""

    JWT = "jwt"
    PEM = "pem"
    BASIC = "basic"
    BEARER = "bearer"
    ADDRESS = "address"
    SETTINGS = "settings"
    LABEL = "label"


_WORD = "password|passwd|passphrase|secret|token|key"
_SAYING = tuple(
    (tuple(marks.split(",")), re.compile(pattern, re.IGNORECASE))
    for marks, pattern in (
        (
            "secret_key,SECRET_KEY,secretKey,SecretKey",
            r"secret_?key[\"']?\s{0,4}[:=]\s{0,4}[\"']([^\"'\s<>]{16,512})[\"']",
        ),
        (
            "word>,wd>,phrase>,ecret>,oken>,ey>",
            rf"<(?:[\w.-]{{0,32}}[:_.-])?(?:api-?)?(?:{_WORD})>([^<>\s]{{6,512}})</",
        ),
        (
            "define(,set(,Item(,put(,add(,append(",
            rf"\b(?:define|set|put|add|append)\w{{0,16}}\([\"'][\w.-]{{0,48}}(?:{_WORD})[\"'],\s?[\"']([^\"'\s]{{6,512}})[\"']",
        ),
        ("PASSWORD ',password '", r"\bpassword\s{1,4}'([^'\n]{6,128})'"),
        ("IDENTIFIED,dentified", r"\bidentified(?: with \S{1,48})? by\s{1,4}'([^'\n]{6,128})'"),
        ("word is ,word was ", r"\bpassword (?:is|was)(?: now)?:? ['\"]?([^\s'\"]{8,128})"),
        (" --", rf"\s--(?:[a-z0-9]{{1,16}}-){{0,3}}(?:api-?)?(?:{_WORD})\s([^\s\"'$<{{-][^\s\"']{{5,256}})"),
        ("requirepass", r"\brequirepass\s([^\s\"'$<{][^\s\"'<{]{5,255})"),
        ("WIFI:", r"\bWIFI:(?:[A-Z]:[^;\n]{0,64};){0,4}P:([^;\n]{6,64});"),
        ("sqlplus", r"\bsqlplus\s(?:-\w{1,8}\s){0,3}[\w$#]{1,64}/([^\s/@\"'<{]{6,128})@"),
        (
            "default",
            rf"\bvariable\s{{1,4}}\"[\w-]{{0,48}}(?:{_WORD})[\w-]{{0,32}}\"\s{{0,4}}\{{[^{{}}]{{0,400}}?\bdefault\s{{0,4}}=\s{{0,4}}\"([^\"\n]{{6,512}})\"",
        ),
        (
            "SESSID,SESSIONID,sessionid,SessionId,connect.sid",
            r"\b(?:phpsessid|jsessionid|asp\.net_sessionid|sessionid|connect\.sid)=(?:s%3A|s:)?([\w.%+/-]{16,256})",
        ),
        (":5432:", r"(?<![^\s])[\w.*-]{1,128}:5432:[\w*-]{1,64}:[\w.-]{1,64}:([^\s:]{6,128})(?!\S)"),
        (
            "contrase,ot de passe,achtwoord,\u0430\u0440\u043e\u043b",
            r"(?:contrase\u00f1a|mot de passe|wachtwoord|\u043f\u0430\u0440\u043e\u043b\u044c)\s{0,2}[:=]\s{0,4}(\S{6,128})",
        ),
    )
)
"""Words and commands beside which a value is called a secret, each with its marks: their texts are few, their patterns slow."""


def _cases(words: str) -> tuple[str, ...]:
    """Words as they stand in texts: small, capital, and with a capital at their head."""
    return tuple(variant for word in words.split() for variant in (word, word.upper(), word.capitalize()))


_COMMANDS = (
    " -u",
    "sqlcmd",
    "mysql",
    "sshpass",
    "redis-cli",
    "docker login",
    "az login",
    "mongo",
    "psql",
    "ldap",
    "_PAT",
    "_pat",
)
"""Commands that take a password, and how one of their options is spelled."""

_BY = {
    _By.JWT: ("eyJ",),
    _By.PEM: ("PRIVATE KEY", "PuTTY-User"),
    _By.BASIC: (*_cases("basic"), '"auth"', "'auth'", "_auth="),
    _By.BEARER: (*_cases("bearer token apikey oauth"), "ApiKey", "OAuth"),
    _By.ADDRESS: ("://",),
    _By.SETTINGS: (*_cases("password passwd pwd pass="), "jdbc:oracle"),
    _By.LABEL: _cases("passw passphrase secret pwd pass= key salt token cookie") + _COMMANDS,
}


_NEEDS_MORE = frozenset({_By.ADDRESS, _By.SETTINGS, _By.LABEL, _By.BASIC, _By.BEARER, *range(-len(_SAYING), 0)})
"""What needs a sign beside its word: an `@`, an equals sign, a space."""


@lru_cache(maxsize=1)
def _marks() -> Marks[int | _By]:
    """Which forms a text can hold at all, found in one pass over it."""
    forms = ((number, form.marks) for number, form in enumerate(FORMS))
    saying = ((-number, marks) for number, (marks, _) in enumerate(_SAYING, 1))
    return Marks([*forms, *saying, *_BY.items()])


_TELLING = (
    "password,Password,PASSWORD,secret,Secret,SECRET,_token,_TOKEN,Bearer ,Basic ,uthorization,api_key,API_KEY,apikey,ApiKey,"
    "nvalid,uplicate,onstraint,annot ,ould not,xception,nexpected,already exists,rror: "
)
"""Words beside which credentials and returned data stand: read backwards or shifted no text has them by chance."""

_SURELY_CALLED = re.compile(r"password|passwd|secret|token|api_?key|cookie|authorization", re.IGNORECASE)


def is_surely_called(text: str) -> bool:
    """Whether a text that was turned holds a word that calls something a secret, and that none has by chance."""
    return _SURELY_CALLED.search(text) is not None


@lru_cache(maxsize=1)
def _turned_marks() -> Marks[int]:
    """The same marks where a text is read backwards or has its letters shifted."""
    turns = (lambda mark: mark[::-1], lambda mark: codecs.encode(mark, "rot13"))
    issued = [
        mark for mark in (*(mark for form in FORMS for mark in form.marks), "eyJ", "PRIVATE KEY") if len(mark) > 3
    ]
    marks = [*issued, *_TELLING.split(",")]
    return Marks([(0, [turn(mark) for mark in marks for turn in turns])])


def has_marks(text: str) -> bool:
    """Whether a text without spaces holds the mark of any credential, as it stands or turned."""
    found = _marks().of(text)
    settings = "=" in text or ":" in text.replace("://", "")
    return bool(found - _NEEDS_MORE or (found - {_By.ADDRESS} and settings)) or has_turned_marks(text)


def has_turned_marks(text: str) -> bool:
    return bool(_turned_marks().of(text))


ISSUED = frozenset({Secret.CLOUD, Secret.TOKEN, Secret.JWT, Secret.PRIVATE_KEY, Secret.WEBHOOK})
"""Kinds whose form no turned word has by chance."""


def secrets_in(text: str) -> Iterator[FoundSecret]:
    """The kinds of credentials in one text, each once. It sees the text as it stands; decoding is done before."""
    found = dict.fromkeys(_all(text))
    for secret in found:
        if secret.kind is not Secret.LABELLED or len(found) == 1:  # a label says nothing beside a known form
            yield secret


def _all(text: str) -> Iterator[FoundSecret]:
    marked = _marks().of(text)
    for mark in sorted(marked, key=str):
        if not isinstance(mark, int):
            continue
        if mark < 0:
            if any(map(_is_labelled, _SAYING[-mark - 1][1].finditer(text))):
                yield FoundSecret(Secret.LABELLED, Grade.SUSPECTED)
        elif any(map(FORMS[mark].holds, FORMS[mark].pattern.finditer(text))):
            yield FoundSecret(FORMS[mark].kind, Grade.STRONG)
    yield from (FoundSecret(kind, grade) for by, kind, grade, holds in _CLOSER if by in marked and holds(text))


def _is_jwt(match: re.Match[str]) -> bool:
    """The header decodes to an object that names its algorithm; a key that is made to be public is none."""
    header, payload = _object(match[1]), _object(match[2])
    if not isinstance(header, dict) or not ({"alg", "enc"} & header.keys()):
        return False
    return not (isinstance(payload, dict) and payload.get("role") == "anon")


def _object(segment: str) -> Any:
    try:
        return json.loads(b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_"))
    except (ValueError, RecursionError):
        return None


def _is_basic(match: re.Match[str]) -> bool:
    """It decodes to a name and a password."""
    plain = match[1].rstrip("=").translate({45: 43, 95: 47})
    try:
        name, mark, password = b64decode(plain + "=" * (-len(plain) % 4)).decode().partition(":")
    except ValueError:
        return False
    return bool(mark) and (name + password).isprintable() and len(password) >= 3 and is_real(password)


def _has_address(text: str) -> bool:
    """Whether a URL holds the password of what it points at."""
    if "@" not in text:
        return False
    at = text.find("://")
    while at >= 0:
        found = _USERINFO.match(text, at + 3, at + 1024)
        if found is not None and _is_userinfo(found):
            return True
        at = text.find("://", at + 3)
    return False


def _has_settings(text: str) -> bool:
    """Whether a list of settings for a connection holds a password."""
    if any(is_real(match[1]) for match in _ORACLE.finditer(text)):
        return True
    return _SERVER.search(text) is not None and any(is_real(match[1]) for match in _PASSWORD.finditer(text))


def _is_userinfo(match: re.Match[str]) -> bool:
    user, password, host = match[1], match[2], match[3]
    keys = _HEX_KEY.fullmatch(user) and _HEX_KEY.fullmatch(password)  # an error tracker's address as it once was
    return is_real(password) and not keys and not _PORT.match(password) and not host.startswith(("%", ".", "-"))


def _is_labelled(match: re.Match[str]) -> bool:
    """Called a secret, with a value that was generated; a key that is made to be public is none."""
    value = match[match.lastindex or 0]
    label = match.string[max(0, match.start() - 24) : match.start(match.lastindex or 0)]
    return (
        (is_mixed(value) or _CHOSEN.search(value) is not None)
        and not _PUBLISHABLE.search(label)
        and not _PUBLIC.match(value)
    )


_CLOSER: tuple[tuple[_By, Secret, Grade, Callable[[str], bool]], ...] = (
    (_By.JWT, Secret.JWT, Grade.STRONG, lambda text: any(map(_is_jwt, _JWT.finditer(text)))),
    (_By.PEM, Secret.PRIVATE_KEY, Grade.STRONG, lambda text: _PEM.search(text) is not None),
    (
        _By.BASIC,
        Secret.BASIC,
        Grade.STRONG,
        lambda text: any(_is_basic(m) for p in (_BASIC, _NAMED_BASIC) for m in p.finditer(text)),
    ),
    (_By.BEARER, Secret.BEARER, Grade.STRONG, lambda text: any(is_made(m[1]) for m in _BEARER.finditer(text))),
    (_By.ADDRESS, Secret.CONNECTION, Grade.STRONG, _has_address),
    (_By.SETTINGS, Secret.CONNECTION, Grade.STRONG, _has_settings),
    (_By.LABEL, Secret.LABELLED, Grade.SUSPECTED, lambda text: any(map(_is_labelled, _LABELLED.finditer(text)))),
)


_CALLED = re.compile(
    r"(?:passw(?:or)?d|passphrase|pwd|secret|(?:access|auth|refresh|session|bearer|id)[_-]?token|private[_-]?key|secret[_-]?key|"
    r"credential|authori[sz]ation|connection[_-]?string|(?:api|access|account|signing|encryption|master)[_-]?key|"
    r"(?:encryption|password)[_-]?salt|api[_-]?token)",
    re.IGNORECASE,
)


_ABOUT = re.compile(
    r"(?:length|len|strength|count|policy|rules?|hint|type|kind|format|field|label|status|state|name|version|age)\Z",
    re.IGNORECASE,
)
"""What a name says of a secret that its value is not."""


def is_called_secret(name: str, value: str) -> bool:
    """Whether a member's name says that its value is a secret, and the value looks made, no word and no placeholder."""
    return (
        is_secret_name(name)
        and 6 <= len(value) <= 1024
        and " " not in value.strip()
        and _PUBLIC.match(value) is None
        and is_mixed(value)
    )


def is_secret_name(name: str) -> bool:
    """Whether a member's name says that its value is a secret."""
    return len(name) <= 64 and _is_secret_name(name)


@lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    return _CALLED.search(name) is not None and _PUBLISHABLE.search(name) is None and _ABOUT.search(name) is None
