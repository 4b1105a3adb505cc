"""Returned data in text: JSON in a longer text or cut off, delimited rows, printed tables, markup, errors that quote data."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

from audit.leaks.marks import Marks
from audit.leaks.payload import ID, Payload, is_layout, is_record_of_business, shape_below

_MOST = 65536
"""How much of a text is read for shapes of many lines: rows repeat, so their beginning shows them."""

_DATABASE = re.compile(
    r"ORA-\d{5}|SQLSTATE\W|E11000 duplicate key|duplicate key value violates|Duplicate entry '"
    r"|violates (?:foreign|unique|check|not-null)"
    r"|relation \"[^\"]{1,200}\" does not exist|column \"[^\"]{1,200}\" (?:of relation|does not exist)|syntax error at or near"
    r"|You have an error in your SQL syntax|Unknown column '|Table '[^']{1,200}' doesn't exist"
    r"|near \"[^\"]{1,200}\": syntax error"
    r"|UNIQUE constraint failed|no such (?:table|column): |PSQLException|SQLSyntaxErrorException|SQLException|MongoServerError"
    r"|psycopg2?\.|MySQLdb|pymysql\.err|ER_[A-Z]+_[A-Z_]+|PG::[A-Z]\w+"
    r"|Violation of (?:PRIMARY|UNIQUE) KEY|Invalid (?:object|column) name '"
    r"|invalid input syntax for (?:type )?\w+|null value in column \"|WRONGTYPE Operation|Msg \d{2,5}, Level \d{1,2}"
    r"|Cannot insert duplicate key|Data truncat(?:ed|ion)[: ]|String or binary data would be truncated|FOREIGN KEY constraint"
    r"|Key \([\w\", ]{1,200}\)=\(|Failing row contains \(|duplicate key value is \(|dup key: \{|value too long for type "
    r"|Out of range value for column|Data too long for column|Incorrect \w+ value: '|mapper_parsing_exception"
    r"|Unique constraint failed on the |Sequelize\w{1,40}Error|ConditionalCheckFailedException|DB::Exception: "
    r"|Access denied for user '|authentication failed for user |Unknown database '|SQL compilation error"
    r"|index_not_found_exception|field value out of range: \"|Truncated incorrect \w+ value: '|a foreign key constraint fails"
    r"|Unable to make \w+ from '|Bad (?:int64|float64|double|bool|numeric) value: "
    r"|ReplyError: |IntegrityError|DataError: |InvalidQueryException|Neo\.ClientError\."
    r"|illegal_argument_exception|parsing_exception|failed to parse (?:date )?field \["
    r"|Numeric value '[^']{1,200}' is not recognized|Conversion failed when converting "
)
_DATABASE_MARKS = (
    "ORA-", "SQLSTATE", "E11000", "duplicate key", "Duplicate entry", "violates", "does not exist", "syntax error",
    "SQL syntax", "Unknown column", "doesn't exist", "constraint failed", "no such", "SQLException", "SQLSyntax",
    "PSQLException", "MongoServer", "psycopg", "MySQLdb", "pymysql", "ER_", "PG::", "Violation of", "Invalid ",
    "invalid input", "null value in", "WRONGTYPE", "Msg ", "Cannot insert", "Data truncat", "truncated",
    "FOREIGN KEY", "Key (", "Failing row", "dup key", "value too long", "Out of range", "Data too long",
    "Incorrect ", "mapper_parsing", "Sequelize", "ConditionalCheck", "DB::", "Numeric value", "Conversion failed",
    "Unique constraint", "Access denied", "authentication failed", "Unknown database", "compilation error",
    "illegal_argument", "parsing_exception", "to parse",
    "ReplyError", "IntegrityError", "DataError", "InvalidQuery", "Neo.",
    "index_not_found", "out of range", "incorrect ", "foreign key", "Unable to make", "Bad ",
)  # fmt: skip

_VALUE = r"(?:'[^'\n]{1,400}'|\"[^\"\n]{1,400}\"|`[^`\n]{1,400}`|\\[\"'][^\"'\n]{1,400}|\u201c[^\u201d\n]{1,400}\u201d)"
_QUOTING = re.compile(
    rf"invalid literal for \w{{1,16}}\(\) with base \d{{1,2}}: {_VALUE}|could not convert string to \w{{1,16}}: {_VALUE}"
    rf"|For input string: {_VALUE}|from String {_VALUE}|Cast to \w{{1,32}} failed for value {_VALUE}"
    rf"|(?:value|Value|input|record|row|cell|document|payload|entry)(?: of)?[ :=]{{1,3}}{_VALUE}.{{0,80}}"
    rf"(?:is not|not a|could not|cannot|invalid|failed|exceeds|already|rejected|too long|not found|does not|not allowed)"
    rf"|(?:[Cc]annot|[Cc]ould not|[Ff]ailed to|[Uu]nable to|[Ii]nvalid|[Uu]nparseable|[Uu]nrecognized|[Mm]alformed)"
    rf"[\w .,_-]{{0,60}}\b(?:value|date|number|email|string|input|record|row|token|cell|amount|phone|name|timestamp)\b"
    rf"[ :=]{{1,3}}{_VALUE}"
    rf"|input_value={_VALUE}|Unparseable date: {_VALUE}|Text {_VALUE} could not be parsed|time data {_VALUE} does not match"
    rf"|Preview of field's value: {_VALUE}|is not (?:a )?valid \w{{1,32}}: {_VALUE}|KeyError: {_VALUE}\s+in row"
    rf"|Unexpected token .{{1,3}} in JSON at position \d{{1,9}}: \S"
    rf"|{_VALUE} (?:already exists|is not a valid \w{{1,32}})|Unable to coerce {_VALUE} to "
    r"|Parameter value \[[^\]\n]{1,400}\] did not match|Path `[^`\n]{1,64}` \([^)\n]{1,400}\) (?:is|must) "
    r"|Couldn't find [A-Z]\w{0,63} with (?:'\w{1,64}'|\w{1,64})=\S"
)
_TYPE = (
    r"(?i:(?:an? |the )?(?:valid )?(?:type )?[:'\"]?(?:u?int(?:eger)?\d{0,2}|number|numeric|float\d{0,2}|double|decimal|long"
    r"|short|byte|date(?:time)?\d{0,2}|timestamp|time|uuid|bool(?:ean)?))\b"
)
_TAKEN = re.compile(
    rf"\b(?:parse|cast|convert|coerce|read|interpret)(?:d|ed|ing)? (?:the )?(?:value )?{_VALUE} (?:to|as|into) {_TYPE}"
    rf"|\benum \w{{1,64}}: {_VALUE}|\bCOPY [\w.\"]{{1,128}}, line \d{{1,9}}, column [\w\"]{{1,64}}: {_VALUE}"
    rf"|\balready exists with label [^\n]{{1,200}} = {_VALUE}|\b[Ee]xpected type [\w!\[\]]{{1,64}}, found {_VALUE}"
    rf"|\bvalue for \w{{1,32}}\(\): {_VALUE}|\bUUID string: \S|\bparsing time {_VALUE} as|\bto parse time string \([^()\n]"
    rf"|\bconvert string to \w{{1,32}}: [\w'\"]|\binput string {_VALUE} was not in a|\brejected value \[[^\]\n]"
    rf"|\bUnexpected token .{{1,12}}, [^\n]{{1,200}} is not valid JSON|\bInvalid time value: \S|\bbind => \[[^\]\n]"
    rf"|\bNo query results for model \[[^\]\n]{{1,128}}\] \w|\b[Uu]nable to find [\w.$]{{1,128}} with id \w"
    rf"|\bEntity \[[\w.$]{{1,128}}#[^\]\n]{{1,200}}\] not found|\braw_field_value: \S"
    rf"|\bduplicates value on record with id: \w|\bstring {_VALUE} at function \w|, (?:provided|got) \w{{1,32}} \({_VALUE}\)"
    rf"|\bAssertionError: {_VALUE} (?:!=|==) {_VALUE}|\b[Bb]ut {_VALUE} is a text\b"
)
"""Errors whose own words leave no room for anything but a value where they quote it."""

_DENIED = re.compile(
    rf"({_VALUE}) (?:is|was) not (?:of type )?{_TYPE}|({_VALUE}) value (?:has|must|is)\b|\bKeyError: ({_VALUE})"
)
_QUOTING_MARKS = (
    "invalid literal", "could not convert", "input string", "from String", "Cast to", "value", "Value", "input ",
    "record", "row", "cell", "document", "payload", "entry", "annot ", "ould not", "ailed to", "nable to", "nvalid",
    "nparseable", "nrecognized", "alformed", "input_value", "could not be parsed", "time data", "already exists",
    "valid", "Unexpected token", "umber", "tring", "iteral", "arsing", "nteger", "ecimal", "date", "Date", "timestamp", "Record",
    "Row", "property", "nput", "Path `", "Couldn't find", "parse", "cast", "convert", "coerce", "enum ", "COPY ", "found",
    "UUID", "bind =>", "query results", "Entity [", "KeyError", "not of type", "Assertion", "is a text", "provided",
)  # fmt: skip
_FAILS = re.compile(
    r"invalid|\bnot an? |\bnot in a |\bnon-|fail|error|exception|can ?not|could not|unable|incorrect|illegal|\bbad\b|malform|"
    r"unexpected|mismatch|exists|duplicate|out of range|too (?:long|large|big|short|small)|expected|reject|violat|abort|"
    r"truncat|overflow|conflict|unrecogni[sz]ed|(?:must|should) (?:be|match|have)",
    re.IGNORECASE,
)
_DATUM = re.compile(
    r"\b(?:values?|numbers?|strings?|literals?|parsing|input|integer|decimal|dates?|timestamp|records?|rows?|cells?|entry"
    r"|property)\b(?:[ =]{1,3}`[^`\n]{1,64}`)?[^'\"\n]{0,24}?(?<=[\s:=(\[])(?=('[^'\n]{1,400}'|\"[^\"\n]{1,400}\"))",
    re.IGNORECASE,
)
_BESIDE = re.compile(
    r"\b(?:got|received|found|cast|convert|parse|name|field|text|argument|token|near|n?varchar|position [0-9]{1,9} in)"
    r"\b[ :=]{1,3}('[^'\n]{1,400}'|\"[^\"\n]{1,400}\")",
    re.IGNORECASE,
)
"""Where an error quotes a value beside words that may stand beside a name of code as well."""

_BEHIND = re.compile(
    r"\b(?:values?|range|digit|string|number|date|integer|input|picklist)\b[^'\"\n:]{0,40}: ([^'\"\n]{3,200})",
    re.IGNORECASE,
)
"""A value without quotation marks at an error's end."""

_CODE = re.compile(r"[\w$]\(|=>|://|^[./#@]|[{};]\s*$|^[\w$.-]*$|^[a-z ,._-]+$|^\W+$|\{\{")
"""Names, paths, addresses, words of prose and punctuation, which an error text quotes as well."""

_COUNTED = re.compile(r"[A-Za-z]{0,12}[-_#/]?(?:[0-9][-/.]?){4,20}")
"""A number as customers, orders and days have: no name of code holds as many digits and nothing behind them."""

_FRAME = re.compile(
    r"^\s{0,16}at [\w$.<>\[\] ]{1,200}\([^()\n]{1,300}\)|^\s{0,16}File \"[^\"\n]{1,300}\", line \d"
    r"|^#\d{1,3} [^\n]{1,300}\(\d{1,6}\): ",
    re.MULTILINE,
)
_ARGUMENTS = re.compile(
    r"^#\d{1,3} [^\n]{1,300}\(\d{1,6}\): [\w\\>:{}-]{1,200}\([^()\n]{0,200}(?:'[^'\n]{1,200}'|\d{4,})", re.MULTILINE
)
_LOCALS = re.compile(
    r"^\s{0,32}(?:locals|variables|context|params|parameters|args|arguments)\s{0,4}[:=]\s{0,4}[{\[(]",
    re.MULTILINE | re.IGNORECASE,
)
_CAUSE = re.compile(rf"^[\w$.]{{0,200}}(?:Error|Exception|Fault)\b[^\n]{{0,200}}?(?:: |= ?){_VALUE}", re.MULTILINE)
_NAMES = re.compile(
    r"is not defined|undefined|not a function|has no attribute|No module named|object has no|Cannot find module"
)

_OBJECT = re.compile(r"\{([^{}]{3,4000})\}?")
_BUILT = re.compile(r"\b[A-Z]\w{0,63}[(\[]([A-Za-z_]\w{0,63}=[^()\[\]]{1,2000})[)\]]")
"""An object as its class prints it: `Row(id=1, name='x')`."""

_MEMBER = re.compile(
    r"(?:^|[,{])\s{0,8}:?(?:\"([\w .$-]{1,64})\"|'([\w .$-]{1,64})'|([A-Za-z_$][\w$]{0,63}))\s{0,4}(?::|=>?)"
)
_PRINTED = re.compile(r"[({]((?:[A-Za-z_]\w{0,63}=[^=,(){}\n]{0,200}, ){2,64}[A-Za-z_]\w{0,63}=[^=,(){}\n]{0,200})[)}]")
_NAMED = re.compile(r"['\"]?[A-Z]\w{1,40}(?: [A-Z]\w{1,40}){1,3}['\"]?")
_BOXES = str.maketrans("\u2502\u2500\u250c\u2510\u2514\u2518\u251c\u2524\u252c\u2534\u253c", "|-+++++++++")
"""Tables that are drawn with lines."""

_RULED = re.compile(r"^[ \t]{0,8}[+|]?[-=]{2,}(?:[-=+| ]{0,256}[+|][-=+| :]{2,256})\s{0,4}$", re.MULTILINE)
_FOOT = re.compile(
    r"^ {0,8}-{3,}(?: {1,8}-{3,})+ {0,8}\n {0,64}\S"
    r"|^ {1,64}[A-Za-z_]\w{0,63}(?: {1,64}\w{1,64}){0,64}\n0 {1,64}\S[^\n]{0,1000}\n1 {1,64}\S"
    r"|^COPY [\w.\"]{1,128} \([^\n]{1,1000}\) FROM stdin;\n[^\n]*\t"
    r"|^\(\d{1,9} rows?\)\s{0,4}$|^\d{1,9} rows? in set\b|^-\[ RECORD \d{1,9} \]|^\*{5,40} \d{1,9}\. row \*{5,40}",
    re.MULTILINE,
)
_ITEM = re.compile(r"^\s{0,16}- [\w\"']{1,64}\s{0,4}: \S", re.MULTILINE)
_UNDER_ITEM = re.compile(r"^\s{2,18}[\w\"']{1,64}\s{0,4}: \S", re.MULTILINE)
_HEAD = re.compile(r"[\"']?[A-Za-z_][\w .#()/-]{0,63}[\"']?")
_COLUMN = re.compile(r"[\"']?[A-Za-z_]\w{0,63}[\"']?")
_SPACES = re.compile(r" {2,64}")
_TAG = re.compile(r"<(/?)([A-Za-z_][\w:.-]{0,63})((?:[^<>\"']|\"[^\"<]{0,1000}\"|'[^'<]{0,1000}'){0,64})>")
_HTML = frozenset(
    "html head body div span p a ul ol li dl dt dd b i u em strong br hr img svg g path rect circle use defs link meta script "
    "style section article header footer nav main form label input button select option h1 h2 h3 h4 h5 h6 small code pre "
    "figure picture source video audio iframe canvas polygon line text tspan stop".split()
)
_CELL = (
    r"(?:'[^'()\n]{0,400}'|\"[^\"()\n]{0,400}\"|-?\d[\d.]{0,32}|None|True|False"
    r"|Decimal\('-?[\d.]{1,32}'\)|(?:datetime\.){1,2}\w{1,9}\([\d, ]{1,64}\))"
)
_TUPLE = re.compile(rf"\({_CELL}(?:, ?{_CELL}){{1,64}}\)")
_DUMPED = re.compile(
    r"\b(?:Array|Object)\s{0,4}\((?:\s{0,64}\[[\w .:-]{1,64}\] => [^\n\[]{0,400}){2}"
    r"|(?:\[\"[\w .-]{1,64}\"\]=>\s{0,64}(?:int|string|float|bool|NULL)[^\n\[]{0,400}){2}"
)
"""A list with names, as PHP prints it."""

_WRITTEN = (
    (" id: ", re.compile(r"#<[A-Z][\w:]{0,63} id: [^<>,\n]{1,64}, [a-z_]\w{0,63}: ")),
    ("ObjectId(", re.compile(r"\b_id[\"']?\s?:\s?ObjectId\([\"'][0-9a-f]{24}[\"']\)\s?,")),
    (
        ":{s:",
        re.compile(
            r"\b[aO]:(?:\d{1,3}:\"[\w\\]{1,64}\":)?[2-9]\d{0,5}:\{(?:s:\d{1,4}:\"[^\"\n]{1,64}\";(?:[idb]:[\d.-]{1,32};|N;|s:\d{1,6}:\"[^\"\n]{0,400}\";)){2}"
        ),
    ),
    (
        '1) "',
        re.compile(
            r"^ {0,8}1\) \"[^\"\n]{1,400}\"\r?\n {0,8}2\) (?:\"[^\"\n]{0,400}\"|\(integer\) \d{1,20}|\(nil\))\s{0,2}$",
            re.MULTILINE,
        ),
    ),
)
"""One record as Ruby, the shell of MongoDB, PHP and that of Redis write it, each behind a mark."""

_CONTACT = re.compile(
    r"(?:^|\W)BEGIN:V(?:CARD|EVENT)\s|^dn: ?\w{1,16}=[^\n]{1,400}\n(?:\w{1,64}: [^\n]{1,400}(?:\n|\Z)){2}", re.MULTILINE
)
"""Records of an address book, of a calendar and of a directory, as they are exchanged."""

_ANSWER = re.compile(
    r"\b(?:respon[sd]\w{0,4}|status(?: ?code)? \d{3}|body|returned)\b[^{}\[\]\n]{0,24}\Z",
    re.IGNORECASE,
)
"""What stands before the body of a response in a longer text."""

_HTTP = re.compile(r"HTTP/[0-9.]{1,3} \d{3}[^\r\n]{0,64}\r?\n(?:[\w-]{1,64}: [^\r\n]{0,1024}\r?\n){1,64}\r?\n\S")


@lru_cache(maxsize=1)
def _marks() -> Marks[Payload]:
    """What the texts of errors can hold at all, found in one pass."""
    return Marks([(Payload.DATABASE_ERROR, _DATABASE_MARKS), (Payload.QUOTING_ERROR, _QUOTING_MARKS)])


def payload_in(text: str) -> tuple[Payload, tuple[str, ...]] | None:
    """The payload shape that a text holds as it stands, with `json` as its path where it is JSON. Linear in the text."""
    kind = _as_text(text)
    if kind is not None:
        return kind, ()
    kind = _as_json(text)
    return (kind, ("json",)) if kind is not None else None


def _as_text(text: str) -> Payload | None:
    if " " in text:
        marked = _marks().of(text)
        if Payload.DATABASE_ERROR in marked and _DATABASE.search(text):
            return Payload.DATABASE_ERROR
        if _quotes(text, Payload.QUOTING_ERROR in marked):
            return Payload.QUOTING_ERROR
    head = text[:_MOST]
    if ("] => " in head or "]=>" in head) and _DUMPED.search(head):
        return Payload.ROWS
    if any(mark in head and pattern.search(head) for mark, pattern in _WRITTEN):
        return Payload.DOCUMENT
    kind = _in_lines(head.translate(_BOXES) if "\u2502" in head else head) if "\n" in text else None
    if kind is not None:
        return kind
    return Payload.MARKUP if text.count("<") > 1 and _marked_up(head) else None


def _in_lines(text: str) -> Payload | None:
    if _delimited(text):
        return Payload.DELIMITED
    if (_RULED.search(text) and _printed(text)) or _FOOT.search(text):
        return Payload.TABLE
    if len(_ITEM.findall(text)) >= 2 and len(_UNDER_ITEM.findall(text)) >= 2:
        return Payload.ROWS
    if "HTTP/" in text and _HTTP.search(text):
        return Payload.RESPONSE
    return Payload.ROWS if ("dn:" in text or "BEGIN:V" in text) and _CONTACT.search(text) else None


def _quotes(text: str, marked: bool) -> bool:  # noqa: FBT001 - whether a mark was seen
    """An error text that quotes a value, or a stack trace with values in it. Names of code are no values."""
    if marked and not _NAMES.search(text):
        if _QUOTING.search(text) or _TAKEN.search(text):
            return True
        if any(_is_datum(next(filter(None, found.groups()))[1:-1]) for found in islice(_DENIED.finditer(text), 50)):
            return True
        if any(_is_datum(found[1][1:-1]) for found in islice(_DATUM.finditer(text), 50)) and _FAILS.search(text):
            return True
    if _quotes_name(text) and _FAILS.search(text) and not _NAMES.search(text):
        return True
    if "\n" not in text or _FRAME.search(text) is None:
        return False
    if _ARGUMENTS.search(text) or _LOCALS.search(text) or any(map(_is_record, islice(_OBJECT.finditer(text), 50))):
        return True
    return _CAUSE.search(text) is not None and not _NAMES.search(text)


def _is_datum(value: str) -> bool:
    """Whether what an error text quotes is a value, not a name of code: more words than one, a capital or a digit in them."""
    return (
        value.lstrip()[:2] in ('{"', "[{", '["') or _CODE.search(value) is None or _COUNTED.fullmatch(value) is not None
    )


def _quotes_name(text: str) -> bool:
    quoted = "'" in text or '"' in text
    if quoted and any(_is_proper(found[1][1:-1]) for found in islice(_BESIDE.finditer(text), 50)):
        return True
    return ": " in text and any(_is_proper(found[1]) for found in islice(_BEHIND.finditer(text), 50))


def _is_proper(value: str) -> bool:
    """Words of which two begin with a capital or a digit, as names, addresses and dates do, or a number."""
    return _COUNTED.fullmatch(value) is not None or (
        _is_datum(value) and sum(word[0].isupper() or word[0].isdigit() for word in value.split()) >= 2
    )


def _is_record(found: re.Match[str]) -> bool:
    """Whether an object among the frames of a stack has members with texts in them."""
    return len(_MEMBER.findall(found[1])) >= 2 and ("'" in found[1] or '"' in found[1])


def _delimited(text: str) -> bool:
    lines = [line for line in islice(text.splitlines(), 200) if line.strip()][:50]
    return len(lines) >= 2 and (_parted(lines) or any(map(_parted, _headed_runs(lines))) or _aligned(lines))


def _headed_runs(lines: list[str]) -> Iterator[list[str]]:
    """Neighbouring lines with as many marks each, below other words or above them: at least two below a line of names."""
    for mark in ",;\t|":
        for number, run in itertools.groupby(lines, lambda line, mark=mark: line.count(mark)):  # type: ignore[misc]
            rows = list(run) if number >= 2 else []
            names = [name.strip() for name in rows[0].split(mark)] if 3 <= len(rows) < len(lines) else []
            if names and all(map(_COLUMN.fullmatch, names)) and len(set(names)) == len(names):
                yield rows


def _aligned(lines: list[str]) -> bool:
    """A table whose columns are kept apart by spaces alone: names at its head, and as many cells in each row."""
    rows = [_SPACES.split(line.strip()) for line in lines[:20]]
    head = rows[0]
    return (
        len(rows) >= 3
        and len(head) >= 3
        and {len(row) for row in rows} == {len(head)}
        and all(map(_COLUMN.fullmatch, head))
        and len(set(head)) == len(head)
    )


def _parted(lines: list[str]) -> bool:
    for mark in ",;\t|":
        if mark not in lines[0] or mark not in lines[1]:
            continue
        counts = {len(cells) for cells in _cells(lines, mark)}
        if len(counts) == 1 and (columns := counts.pop()) >= 3 and (len(lines) >= 3 or _headed(lines, mark, columns)):
            return True
    return False


def _cells(lines: list[str], mark: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines, delimiter=mark)
    except csv.Error:
        yield from (line.split(mark) for line in lines)


def _headed(lines: list[str], mark: str, columns: int) -> bool:
    """Two lines are a header and a row where the first is all names and the second is not."""
    cut = [[cell.strip() for cell in cells] for cells in _cells(lines[:2], mark)]
    if len(cut) != 2:  # a quotation mark that is not closed makes one line of two
        return False
    head, row = cut
    named = all(_HEAD.fullmatch(cell) for cell in head) and len(set(head)) == columns
    return named and f"{mark} " not in lines[0] and any(cell[:1].isdigit() or "@" in cell for cell in row)


def _printed(text: str) -> bool:
    """A table as a database's shell prints it: a rule below its head, and rows with as many columns."""
    lines = [line for line in islice(text.splitlines(), 200) if line.strip()]
    for number, line in enumerate(lines[1:-1], 1):
        if _RULED.fullmatch(line) is None:
            continue
        columns = max(line.count("+"), line.count("|"))
        ruled = [other.count("|") for other in (lines[number - 1], lines[number + 1])]
        if min(ruled) >= 1 and ruled[0] == ruled[1] and abs(ruled[0] - columns) <= 1:
            return True
    return False


def _marked_up(text: str) -> bool:
    """Rows of a table, or siblings of one name with the same children: records, but not the elements of a page's layout."""
    lower = text.lower()
    if (lower.count("<tr") >= 2 and "<td" in lower) or lower.count("<row") >= 2 or lower.count("<record") >= 2:
        return True
    if ("<soap" in lower and ":body" in lower) or "<m:properties" in lower:
        return True
    return _siblings(text)


def _siblings(text: str) -> bool:
    open_tags: list[tuple[str, list[str]]] = []
    seen: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for close, name, rest in islice(_TAG.findall(text), 4000):
        if not close:
            if open_tags:
                open_tags[-1][1].append(name)
            if rest.endswith("/"):
                attributes = tuple(re.findall(r"([\w:.-]{1,64})=", rest))
                seen[name, attributes] += len(attributes) >= 2 and name.lower() not in _HTML
            elif len(open_tags) < 200:
                open_tags.append((name, []))
        elif open_tags and open_tags[-1][0] == name:
            _, children = open_tags.pop()
            seen[name, tuple(children)] += len(children) >= 2 and name.lower() not in _HTML
    return any(number >= 2 for number in seen.values())


def _as_json(text: str) -> Payload | None:
    stripped = text.strip()
    if len(stripped) < 8:
        return None
    if stripped[0] + stripped[-1] in ("[]", "{}", '""'):
        try:
            value: Any = json.loads(stripped)
        except (ValueError, RecursionError):
            return _in_longer(text)
        if isinstance(value, str):
            return _as_json(value) if len(value) < len(stripped) else None
        return shape_below(value) or _recorded(value)
    return _in_longer(text)


def _in_longer(text: str) -> Payload | None:
    """JSON inside a longer text, and objects of one shape in any notation, cut off or not."""
    if "{" not in text and "[" not in text and "(" not in text:
        return None
    head, at, decoder = text[:_MOST], 0, json.JSONDecoder()
    if ("[(" in head or "VALUES (" in head) and _tuples(head):
        return Payload.ROWS
    for _ in range(16):
        starts = [start for mark in ('{"', "[{", "[[", '{ "', "{\\n") if (start := head.find(mark, at)) >= 0]
        if not starts:
            break
        at = min(starts)
        try:
            value, end = decoder.raw_decode(head, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        kind = shape_below(value) or _recorded(value)
        if kind is not None:
            return kind
        if _ANSWER.search(head, max(0, at - 48), at) and any(map(_is_answer, _objects(value))):
            return Payload.RESPONSE
        if _FAILS.search(head, max(0, at - 200), at) and any(map(_is_named_answer, _objects(value))):
            return Payload.QUOTING_ERROR
        at = end
    return _alike(head)


def _recorded(value: Any) -> Payload | None:
    return Payload.RECORD if any(map(is_record_of_business, _objects(value))) else None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def _is_answer(node: dict[str, Any]) -> bool:
    """One record: an id and two members more that are texts or numbers."""
    plain = [name for name, child in node.items() if isinstance(child, str | int | float) and "{{" not in str(child)]
    return len(plain) >= 3 and any(ID.search(name) for name in plain)


def _is_named_answer(node: dict[str, Any]) -> bool:
    """The same with a name in it, of somebody or something."""
    return _is_answer(node) and any(isinstance(child, str) and _is_proper(child) for child in node.values())


def _tuples(text: str) -> bool:
    """Rows as Python prints them: tuples of one length, a text in each."""
    rows = [found[0] for found in islice(_TUPLE.finditer(text), 50)]
    return (
        len(rows) >= 2 and len({row.count(",") for row in rows}) == 1 and all("'" in row or '"' in row for row in rows)
    )


def _alike(text: str) -> Payload | None:
    """Two flat objects or more with the same members, as programs print them."""
    seen: Counter[tuple[str, ...]] = Counter()
    for found in islice(itertools.chain(_OBJECT.finditer(text), _BUILT.finditer(text)), 200):
        names = tuple(a or b or c for a, b, c in _MEMBER.findall(found[1]))
        seen[names] += len(names) >= 3 or (len(names) == 2 and any(name.lower().endswith("id") for name in names))
    if any(number >= 2 and not is_layout(names) for names, number in seen.items()):
        return Payload.ROWS
    return Payload.DOCUMENT if any(map(_is_printed, islice(_PRINTED.finditer(text), 50))) else None


def _is_printed(found: re.Match[str]) -> bool:
    """One record as a program prints it: an id, two members more, and a name of somebody or something among them."""
    members = dict(member.split("=", 1) for member in found[1].split(", "))
    return (
        len(members) >= 3
        and any(ID.search(name) for name in members)
        and not is_layout(members)
        and any(_NAMED.fullmatch(value) is not None for value in members.values())
    )
