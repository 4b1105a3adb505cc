"""Forms of leaks beside what only looks like them: each pair is one that is found and one that is not."""

from __future__ import annotations

import base64
import codecs
import hashlib
import hmac
import json
import zlib
from typing import Any

import pytest

from audit.engine.run import Auditor
from audit.leaks.digests import Digests
from audit.leaks.search import Search
from audit.leaks.seeds import Kind, Seed, SeedList
from tests.conftest import page_load
from tests.within import APPSMITH, auditor_of, event, policy_of

PACKED = "saved \u0ae2\u0c3d\u416c\u0760\u1327\u5860\u0130\u0c80\u2da4\u05c3\u2424\u5826\u652a\u38a0  end"
"""An address in LZ-string's form for storage, inside a longer text."""

CONTENT = frozenset({"email-address", "secret", "personal-data", "datasource-payload", "query-text"})


CUT_OFF = zlib.compress(b"{viewer{login email}}").hex()[:-8][::-1]
"""A query that is packed, cut off and backwards. Its look-alike begins so by chance."""


def rules_of(properties: dict[str, Any]) -> set[str]:
    """The content rules that accuse an event with these undocumented members."""
    return {found.rule for found in event(auditor_of(APPSMITH), page_load(properties=properties)).findings} & CONTENT


@pytest.mark.parametrize(
    ("found", "silent"),
    [
        ({"cell": "0151 23456789"}, {"cell": "39/06/2020 08:00"}),
        ({"phone": "458 950 890"}, {"cell": "458 950 890"}),
        ({"mobile": "0176-12345678"}, {"mobile": "09.12.1996"}),
        ({"fax": "030 12345678"}, {"fax": "1993-10-23"}),
        ({"tel": "01 42 68 53 00"}, {"tel": "14 03 27 07 23"}),
        ({"tel": "+49 151 23456789"}, {"tel": "20151012000330"}),
        ({"msisdn": "4915123456789"}, {"msisdn": 1612621668000}),
        ({"tel": "tel:+1-212-736-5000;ext=12"}, {"tel": "826cb375705c658d"}),
        ({"mobile_number": "4915123456789"}, {"mobileVersion": "4915123456789"}),
        ({"x": "call 0151 23456789"}, {"x": "call 14.02.2021 11"}),
        ({"x": "contactNumber=0151 23456789"}, {"x": "contact form 0151 23456789"}),
        ({"x": "contact=0033626035305"}, {"x": "contact=0012345678"}),
        ({"x": "LatLng(48.137154, 11.576124)"}, {"x": "scale(48.137154, 11.576124)"}),
    ],
)
def test_a_number_to_call_is_no_date_and_no_measure(found: dict[str, Any], silent: dict[str, Any]) -> None:
    assert rules_of(found) == {"personal-data"}
    assert rules_of(silent) == set()


@pytest.mark.parametrize(
    ("rule", "found", "silent"),
    [
        ("personal-data", "2a01:4f8:c17:b8f::2", "ce:1d:0c:31:ac:0b:5d:60"),
        ("personal-data", "mac=f0075e88f5ae", "mac=102030405060"),
        ("personal-data", "hwaddr: dceae523e7b2 up", "hash: dceae523e7b2 up"),
        ("personal-data", "user at lat -15.46124 lng -36.43418", "flat -15.46124 along -36.43418"),
        (
            "personal-data",
            '24.56.3.99 - - [04/Nov/2020:10:00:00 +0000] "GET /x HTTP/1.1"',
            "24.56.3.99 - stable [build 4]",
        ),
        ("personal-data", "https://app.internal/p?ref=-35.0588,-59.0760", "https://app.internal/p?ref=-35.05,-59.07"),
        ("personal-data", "1.36658S 45.06568E", "1.36658s 45.06568e"),
        ("email-address", '{"v": "jane@acme-mail.co"}', '{"v": "@model.co"}'),
        ("email-address", "\u540d\u524djane@acme-mail.co\u3067\u3059", "\u540d\u524djane@acme-mail.zz\u3067\u3059"),
        ("email-address", "kd.liam-emca@enaj", "on.click-emca@enaj"),
        ("email-address", PACKED, PACKED.replace("\u416c", "\u416d")),
        ("email-address", '"jane doe"@acme-mail.co', '"jane" and "@acme-mail.co"'),
        ("query-text", CUT_OFF, "ajs-375932122483d625f507672ef835c987"),
    ],
)
def test_a_form_is_told_from_its_look_alike(rule: str, found: str, silent: str) -> None:
    assert rules_of({"x": found}) == {rule}
    assert rules_of({"x": silent}) == set()


def test_the_vendors_own_address_accuses_nobody_in_a_query() -> None:
    url = "https://app.internal/help?s="
    assert rules_of({"x": f"{url}Contact+support%40appsmith.com+now"}) == set()
    assert rules_of({"x": f"{url}Contact+anna%40appsmith.com+now"}) == {"email-address"}
    assert rules_of({"x": "anna+support@appsmith.com"}) == {"email-address"}
    coded = base64.b64encode(b"support@appsmith.com").decode()
    assert coded[:2] == "c3"  # which reads like quoted-printable behind an equals sign
    assert rules_of({"x": f"{url}{coded}"}) == set()


def test_what_a_name_says_of_a_password_is_none() -> None:
    assert rules_of({"password": "1FC64F39-4C6A-49DA-867E"}) == {"secret"}
    assert rules_of({"password_length": "1FC64F39-4C6A-49DA-867E"}) == set()


def test_letters_that_are_broken_into_very_many_lines_are_read_whole() -> None:
    """Each line by itself could be something as well: they must not use up what may be tried."""
    text = base64.b64encode(
        "".join(f"\\x{byte:02x}" for byte in b"mail of jane.doe@acme-mail.co " * 4).encode()
    ).decode()
    lines = "\n".join(text[at : at + 12] for at in range(0, len(text), 12))
    assert rules_of({"x": lines}) == {"email-address"}
    assert rules_of({"x": lines.replace("\n", "\t")}) == {"email-address"}


PASSWORD = "Quavek!609lHh"
POINT = "9Xk2LmQ7vRt4Zc8Yb1Nd6Wf3Hs5Jp0Ga"


@pytest.mark.parametrize(
    ("found", "silent"),
    [
        ("postgres://app:Zen#667RVf@db.internal/x", "https://app.io:8443#top@2x"),
        ("mqtts://wolven:Naska#165OvT@broker:8883", "https://host:3000#@media"),
        ("app:Minas!8677bT@tcp(db:3306)/shop", "${USER}:${PASS}@tcp(db:3306)/shop"),
        (f"<server><password>{PASSWORD}</password></server>", "<server><password>${PW}</password></server>"),
        (f"Passwort: {PASSWORD}", "Passwort: vergessen"),
        (f"define('DB_PASSWORD', '{PASSWORD}');", "define('DB_PASSWORD', 'changeme');"),
        (f"CREATE USER x WITH PASSWORD '{PASSWORD}'", "ALTER USER x WITH PASSWORD 'password'"),
        (f"CREATE USER 'x'@'%' IDENTIFIED BY '{PASSWORD}'", "rows are identified by 'customer'"),
        (f"svn co --username x --password {PASSWORD} https://svn.internal", "svn co --password $PW https://svn.internal"),
        (f"gpg --batch --passphrase {PASSWORD} -d x.gpg", "gpg --batch --passphrase-file key.txt -d x.gpg"),
        (f"your new password is {PASSWORD}", "your password is too short: 8 letters"),
        ("curl -u app:Torka$568cyj https://x.internal", "curl -u app:$PASSWORD https://x.internal"),
        (f"requirepass {PASSWORD}", "requirepass foobared"),
        ("requirepass Midro$994I66", "requirepass $REDIS_PASSWORD"),
        (f"sqlplus system/{PASSWORD}@//db:1521/x", "sqlplus / as sysdba"),
        (f"WIFI:S:guest;T:WPA;P:{PASSWORD};;", "WIFI: on; T: 4; P: 3"),
        (f'variable "db_password" {{\n  default = "{PASSWORD}"\n}}', 'variable "db_password" {\n  type = string\n}'),
        ('{"algoliaAdminKey": "4743e0c84b11f1e8ccef6d42e4fbdb13"}', '{"algoliaSearchOnly": "4743e0c84b11f1e8ccef6d42e4fbdb13"}'),
        ("secret_key_base: 3f96059af97ceec3ae81674f61e02266", "secret_key_base: <%= ENV['KEY'] %>"),
        ("SECRET_KEY='sAx(k+y0duJIKE=29cyM&oc#B1Lg'", "SECRET_KEY = os.environ['SECRET_KEY']"),
        ("PHPSESSID=vc7yuepx64hx1vr0r2q31ibsly", "SESSION_COUNT=12"),
        ("db.internal:5432:shop:app:Bribri$286kCb", "db.internal:5432"),
        ("userPassword: {SSHA}sUpfUiNvyqXLMkgqJWq/zdTJ1CPwLebH+8MlnQ==", "userPassword: {SSHA}"),
        ("enable secret 5 $1$0jtS$7mDcvbkWMiR2ZaOQu22saO", "costs $1$ each"),
        ('{"auths": {"hub": {"auth": "c2ltYmVsOkthZ3VyLTU5MDdGbg=="}}}', '{"auth": "c2ltYmVs"}'),
        ("_auth=ZmVsemVuOkd1cnZlbi04NzNWYnI=", "needs_auth=required"),
        (f"AC{'d3bd9c41b8afb27e'*2}:{'cd8806daa69f06dc'*2}", f"AC{'d3bd9c41b8afb27e'*2}"),
    ],
)  # fmt: skip
def test_a_password_is_known_by_what_stands_around_it(found: str, silent: str) -> None:
    assert "secret" in rules_of({"x": found})
    assert "secret" not in rules_of({"x": silent})


# ---- digests ---------------------------------------------------------------------------------------------------------------

CANARY = "cnry7Kq2mX9tRb4Lw8Zp5"
LISTED = ("Jane.Doe+news@Nordwind-Mail.com", "j.q.roe77@gmail.com")


def _seeded() -> Digests:
    return Digests(LISTED)


@pytest.mark.parametrize(
    "form",
    [
        "JANE.DOE+NEWS",
        "jane.doe",
        "Nordwind-Mail.com",
        "NORDWIND-MAIL.COM",
        "nordwind-mail.com",
        "jqroe77",
        "j.q.roe77",
    ],
)
def test_a_part_of_an_address_is_known_by_its_digest_in_each_case(form: str) -> None:
    assert _seeded().match(hashlib.sha256(form.encode()).digest()) is not None
    assert _seeded().match(hashlib.sha256(f"{form}x".encode()).digest()) is None


def test_a_host_of_millions_names_nobody() -> None:
    assert _seeded().match(hashlib.sha256(b"gmail.com").digest()) is None


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512"])
def test_a_digest_that_was_cut_at_its_front_is_known_by_its_end(name: str) -> None:
    digest = hashlib.new(name, LISTED[0].lower().encode()).digest()
    for size in (8, 12, len(digest) // 2):
        match = _seeded().match(digest[-size:])
        assert match is not None
        assert (match.owner, match.name, match.exact) == (0, name, size >= 16)
        assert _seeded().match(digest[-size - 1 : -1]) is None


# ---- returned data ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "silent"),
    [
        ({"fields": {"name": {"stringValue": "Wanda F."}}}, {"fields": {"name": {"string": "Wanda F."}}}),
        ('{"jsonrpc": "2.0", "id": 1, "result": {"name": "Wanda F."}}', '{"jsonrpc": "2.0", "id": 1, "result": true}'),
        ('{"@odata.context": "x", "value": [{"a": 1}]}', '{"@odata.context": "x", "value": 4}'),
        (
            '{ "_id" : ObjectId("20d5529a0c8c1aba30080804"), "name" : "Wanda" }',
            'pass ObjectId("20d5529a0c8c1aba30080804")',
        ),
        ('#<User id: 4, name: "Wanda F.">', "#<User id: 4>"),
        ('a:2:{s:2:"id";i:4;s:4:"name";s:8:"Wanda F.";}', "a:2:{s:2}"),
        ('1) "name"\n2) "Wanda F."\n3) "city"', '1) "Save" the page\n2) "Cancel" it'),
        ("[(4, 'Wanda', True), (5, 'Otto', False)]", "[(a, b, True), (c, d, False)]"),
        (
            {"4287": {"id": 1, "name": "W", "city": "X"}, "2267": {"id": 2, "name": "O", "city": "Y"}},
            {"4287": {"left": 1, "top": 2, "type": "X"}, "2267": {"left": 1, "top": 2, "type": "Y"}},
        ),
        ("ValidationError: ['\u201cWanda F.\u201d is not a valid UUID.']", "this is not a valid UUID"),
        ("Unable to coerce 'Wanda F.' to a formatted date (long)", "unable to coerce the value"),
        ("Parameter value [Wanda F.] did not match expected type [Long]", "a value did not match expected type [Long]"),
        ("ValidationError: age: Path `age` (663) is more than allowed", "ValidationError: Path `age` is required."),
        ("RecordNotFound (Couldn't find User with 'name'=Wanda)", "Couldn't find module with that name"),
    ],
)
def test_one_record_is_known_by_how_it_is_written(found: Any, silent: Any) -> None:
    assert rules_of({"x": found}) == {"datasource-payload"}
    assert rules_of({"x": silent}) == set()


def _search(*values: str) -> Search:
    return Search(SeedList(tuple(Seed(value, Kind.CANARY) for value in values)))


def test_a_wrapped_value_in_json_in_a_string_is_found() -> None:
    """Beside other texts too, which make no lines of one width with it."""
    judge = Auditor(policy_of(APPSMITH), seeds=_search(CANARY))
    for value, told in ((CANARY, True), (CANARY.replace("X9t", "Y8u"), False)):
        coded = base64.b64encode(value.encode()).decode()
        for gap in ("\n", " ", "\n  "):
            lines = gap.join(coded[at : at + 8] for at in range(0, len(coded), 8))
            text = json.dumps({"level": "a longer text", "in": {"detail": lines}})
            rules = {found.rule for found in event(judge, page_load(properties={"x": text})).findings}
            assert ("canary" in rules) is told


def test_each_salted_algorithm_is_looked_up_as_a_key_too() -> None:
    digests = Digests(LISTED, ["pepper"])
    for name in ("md5", "sha224", "sha256", "blake2b"):
        assert digests.match(hmac.digest(b"pepper", LISTED[0].encode(), name)) is not None
        assert digests.match(hmac.digest(b"salt", LISTED[0].encode(), name)) is None


@pytest.mark.parametrize(
    ("found", "silent"),
    [
        ("query result:\nid,name,city\n4,Wanda,Ulm\n5,Otto,Bonn", "query result:\nthe id, a name, a city\n4, 5, 6\nand, so, on"),
        ("id;name;city\n4;Wanda;Ulm\n5;Otto;Bonn\n-- \nsent by me", "id;name;city\n-- \nsent by me"),
        ("order   city   name\n4       Ulm    Wanda\n5       Bonn   Otto", "order  city  name\nsee below\non"),
        ('{"data": {"viewer": {"name": "W", "city": "Ulm", "zip": 4}}}', '{"data": {"box": {"left": 1, "top": 2, "width": 3}}}'),
        ("Customer(id=4, name=Wanda Falk, city=Ulm)", "Customer(id=4, name=wanda, city=ulm)"),
        ('{"total": 25.4, "sku": "GEV-6890", "customer": "Wanda Falk"}', '{"total": 25.4, "sku": true, "customer": "yes"}'),
        ('{"id": 4, "city": "Ulm", "birth_date": "1929-08-19"}', '{"id": 4, "city": "Ulm", "widget_date": "1929-08-19"}'),
        ('{"id": 4, "kind": "x", "phone": "Wanda F"}', '{"id": 4, "kind": "x", "microphone": 2, "phoneModel": "X 12"}'),
        ('{"orderNo": 4, "invoiceDate": "2020-01-02", "n": 1}', '{"orderBy": 4, "backOrder": "2020-01-02", "id": 1}'),
        ('{"firstName": "Wanda", "zip": "89073", "n": 1}', '{"firstName": "First Name", "zip": "Zip Code", "n": 1}'),
        ('row {"qty": 3, "customer": "Otto", "city": "Bonn"} kept', 'row {"qty": 3, "visible": 2, "city": "Bonn"} kept'),
        (
            "TypeError: Cannot read property 'x' of {\"id\": 4, \"name\": \"Wanda Falk\", \"city\": \"Ulm\"}",
            "TypeError: Cannot read property 'x' of {\"id\": 4, \"kind\": \"table\", \"zoom\": 2}",
        ),
    ],
)  # fmt: skip
def test_a_table_and_a_record_stand_among_other_words(found: str, silent: str) -> None:
    assert rules_of({"x": found}) == {"datasource-payload"}
    assert rules_of({"x": silent}) == set()


@pytest.mark.parametrize(
    ("found", "silent"),
    [
        ("Cannot cast 'wanda' to INT", "Cannot cast 'wanda' to a spell"),
        ('cannot parse "falk-wanda" as integer', 'cannot parse "config.json" as a module'),
        ('invalid input value for enum order_status: "wanda"', "invalid value for enum order_status"),
        ("The input string 'wanda' was not in a correct format.", "The input was not in a correct format."),
        ("'Wanda Falk' is not of type 'integer'", "'quantity' is not of type 'integer'"),
        ("\u201cWanda Falk\u201d value must be an integer.", "The value must be an integer."),
        ("KeyError: 'ORD-48213'", "KeyError: 'properties'"),
        (
            'data/day should match format "date", value: "ORD-48213"',
            'data/day should match format "date", value: "day"',
        ),
        ("Field error in object 'order': rejected value [wanda]", "Field error in object 'order': rejected value"),
        ("No query results for model [App\\Models\\Order] 48213", "No query results for model [App\\Models\\Order]"),
        ("Unable to find com.acme.Customer with id 48213", "Unable to find com.acme.Customer with that name"),
    ],
)
def test_an_error_that_quotes_a_value_is_told_from_one_that_quotes_a_name(found: str, silent: str) -> None:
    assert rules_of({"x": found}) == {"datasource-payload"}
    assert rules_of({"x": silent}) == set()


# ---- pieces of one text ----------------------------------------------------------------------------------------------------

CUTS = ("<b></b>", "<br/>", "<!-- -->", "\n", "\r\n  ", "\\\n", '" + "', '"\n  + "', "' . '")
"""What parts the pieces of a text that markup, a wrapped line or a program shows as one."""


def _cut(text: str, gap: str) -> str:
    quote = gap.strip()[0] if gap[0] in "'\"" else ""
    return quote + text[: len(text) // 2] + gap + text[len(text) // 2 :] + quote


@pytest.mark.parametrize("gap", CUTS)
@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("email-address", "jane.doe@acme-mail.com"),
        ("secret", "ghp_9Xk2LmQ7vRt4Zc8Yb1Nd6Wf3Hs5Jp0Ga2Te9"),
        ("secret", "postgres://app:Zen-667RVf@db/x"),
        ("personal-data", "+4915123456789"),
        ("personal-data", "DE89370400440532013000"),
    ],
)
def test_what_is_cut_in_two_is_found(rule: str, text: str, gap: str) -> None:
    assert rules_of({"x": _cut(text, gap)}) >= {rule}
    assert rules_of({"x": _cut(text, f"{gap}, and then ")}) == set()


@pytest.mark.parametrize("gap", CUTS)
def test_a_listed_value_that_is_cut_in_two_is_found(gap: str) -> None:
    search = _search(CANARY)
    assert search.find(_cut(CANARY, gap)).hits
    assert not search.find(_cut(CANARY, f"{gap}x")).hits


@pytest.mark.parametrize(
    "text",
    [
        "48213377\n90213342",
        "<td>4111 1111</td><td>1111 1111</td>",
        "see @acme\n.com for more",
        "follow jane\n@scope/package",
        "Bearer authentication\nSee2the manual and the pages",
        "10.20.30.\n140 rows",
    ],
)
def test_what_stands_below_one_another_makes_nothing_together(text: str) -> None:
    assert rules_of({"x": text}) == set()


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("secret", "Password=Quavek609lHh"),
        ("datasource-payload", 'invalid input syntax for type integer: "wanda"'),
        ("datasource-payload", '[{"id": 1, "name": "W", "city": "X"}, {"id": 2, "name": "O", "city": "Y"}]'),
        ("personal-data", "+49 151 23456789"),
        ("personal-data", "DE89370400440532013000"),
    ],
)  # fmt: skip
def test_what_is_read_backwards_is_found(rule: str, text: str) -> None:
    assert rules_of({"x": text[::-1]}) == {rule}


def test_widgets_with_shifted_letters_are_no_rows() -> None:
    widgets = '[{"type": "MAP", "widgetId": "a1", "left": 8, "top": 4}, {"type": "TABLE", "widgetId": "b2", "left": 7, "top": 4}]'
    assert rules_of({"x": widgets}) == set()
    assert rules_of({"x": codecs.encode(widgets, "rot13")}) <= {"datasource-payload"}


@pytest.mark.parametrize(
    ("found", "silent"),
    [
        ("contact +49_151_23456789", "version +49_151_23456789_7"),
        ("phone_number: 030-6086221", "order_number: 030-6086221"),
        ("card 3742\u00a0454554\u00a000126", "card 3742\u00a0454554\u00a000127"),
        (
            "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000",
            "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a001",
        ),
        ("from 24.167.8.152", "from 255.255.255.0"),
    ],
)
def test_a_number_is_known_in_each_way_of_printing_it(found: str, silent: str) -> None:
    assert rules_of({"x": found}) == {"personal-data"}
    assert rules_of({"x": silent}) == set()


@pytest.mark.parametrize(
    ("found", "silent"),
    [
        (f'{{"kty": "EC", "d": "{POINT}"}}', f'{{"kty": "EC", "x": "{POINT}"}}'),
        ("pat-eu1-edd73d17-5567-4f91-b310-347264fceebf", "pad-eu1-edd73d17-5567-4f91-b310-347264fceebf"),
        (f"dt0c01.{POINT[:24].upper()}.{POINT.upper() * 2}", f"dt0c01.{POINT[:24].upper()}.{POINT.upper()}"),
        ("ATBBTwI4UI3mH1UhB8G5Jp4l9651E2C0tTfg", "ATBBTwI4UI3m"),
    ],
)  # fmt: skip
def test_a_token_has_its_issuers_form(found: str, silent: str) -> None:
    assert rules_of({"x": found}) == {"secret"}
    assert rules_of({"x": silent}) == set()


def test_long_text_in_base58_and_deflated_text_in_base32_are_read() -> None:
    text = "mail of jane.doe@acme-mail.com " * 20
    number, letters = int.from_bytes(text.encode(), "big"), ""
    while number:
        number, rest = divmod(number, 58)
        letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[rest] + letters
    packed = zlib.compressobj(wbits=-15)
    stream = packed.compress(b"mail of jane.doe@acme-mail.com") + packed.flush()
    assert rules_of({"x": letters}) == {"email-address"}
    assert rules_of({"x": letters[1:]}) == set()
    assert rules_of({"x": base64.b32encode(stream).decode()}) == {"email-address"}
    assert rules_of({"x": base64.b32encode(stream[::-1]).decode()}) == set()
