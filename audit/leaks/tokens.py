"""The forms of access tokens as their issuers publish them: a table of marks and patterns. Every quantifier is bounded."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple


class Secret(StrEnum):
    CLOUD = "a cloud provider's key"
    TOKEN = "a service's access token"  # noqa: S105 - a kind, no token
    JWT = "a signed token (JWT)"
    PRIVATE_KEY = "a private key"
    BEARER = "bearer authorisation"
    BASIC = "basic authorisation"
    CONNECTION = "a connection string with its password"
    WEBHOOK = "a webhook's secret address"
    HASH = "a password as it is stored, hashed"
    LABELLED = "a value that is called a secret"


class Form(NamedTuple):
    """`marks`: a text that holds the form holds one of these. `holds` looks closer at what the pattern found."""

    kind: Secret
    marks: tuple[str, ...]
    pattern: re.Pattern[str]
    holds: Callable[[re.Match[str]], bool]


_PLACEHOLDER = re.compile(
    r"example|placeholder|redacted|masked|removed|filtered|hidden|dummy|sample|change_?-?me|replace|your|"
    r"x{4}|\*{3}|\.{3}|0{8}|1234567890abc|123456789abc|abcdefghij|[<>{}\[\]]|\$[({]|\A\$|%24%7b|%7b%7b|%3c|\A%s|\A(?:my_?)?(?:pass(?:wd|word)?|pwd|secret|token|none|null|undefined|test)\Z",
    re.IGNORECASE,
)


def is_real(value: str) -> bool:
    """Whether a secret's value is one, not what documentation writes in its place."""
    return len(set(value)) > 3 and _PLACEHOLDER.search(value) is None


def is_mixed(value: str) -> bool:
    """Letters and digits together, and no placeholder: what tells a generated value from a word."""
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value) and is_real(value)


def is_made(value: str) -> bool:
    """Mixed, or long with both cases in it: a token that happens to hold no digit."""
    return is_mixed(value) or (len(value) >= 20 and value not in (value.lower(), value.upper()) and is_real(value))


def _token(match: re.Match[str]) -> bool:
    value = match[match.lastindex or 0]
    return len(set(value)) > 7 and _PLACEHOLDER.search(value) is None


def _mixed(match: re.Match[str]) -> bool:
    return is_mixed(match[match.lastindex or 0])


def _form(kind: Secret, marks: str, pattern: str, holds: Callable[[re.Match[str]], bool] = _token) -> Form:
    return Form(kind, tuple(marks.split()), re.compile(pattern), holds)


def _issued(
    marks: str, pattern: str, kind: Secret = Secret.TOKEN, holds: Callable[[re.Match[str]], bool] = _token
) -> Form:
    """A token that stands by itself: neither letter nor digit before or after it."""
    return _form(kind, marks, rf"(?<![A-Za-z0-9])(?:{pattern})(?![A-Za-z0-9])", holds)


def _is_signed(match: re.Match[str]) -> bool:
    """A shared access signature of Azure names its version, rights or end beside the signature."""
    return any(mark in match.string for mark in ("sv=", "sp=", "se=", "sr="))


_DISCORD = tuple(b64encode(f"{number}".encode()).decode() for number in range(100, 1000))
"""How the number of a bot begins, in base64."""

FORMS: tuple[Form, ...] = (
    _issued("AKIA ASIA ABIA ACCA", r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}", Secret.CLOUD),
    _issued("AIza", r"AIza[\w-]{35}", Secret.CLOUD),
    _issued("GOCSPX-", r"GOCSPX-[\w-]{28}", Secret.CLOUD),
    _issued("ya29.", r"ya29\.[\w-]{20,2048}", Secret.CLOUD),
    _issued("Q~", r"[\w~.-]{3}[0-9]Q~[\w~.-]{31,34}", Secret.CLOUD),
    _form(
        Secret.CLOUD,
        "AccountKey= SharedAccessKey= SharedAccessSignature",
        r"(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,100})={0,2}|SharedAccessSignature[ =]([\w&=%.+/-]{30,512})",
    ),
    _form(Secret.CLOUD, "sig=", r"[?&]sig=[A-Za-z0-9%+/_-]{40,120}", _is_signed),
    _issued("ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36,255}"),
    _issued("github_pat_", r"github_pat_\w{36,255}"),
    _issued("glpat- gldt- glrt- glptt- glcbt- glsoat- glft-", r"gl(?:pat|dt|rt|ptt|cbt|soat|ft)-[\w.-]{20,255}"),
    _issued("xox", r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,255}"),
    _issued("xapp-", r"xapp-[0-9]-[A-Za-z0-9-]{20,255}"),
    _issued("sk_live_ sk_test_ rk_live_ rk_test_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}"),
    _issued("whsec_", r"whsec_[A-Za-z0-9+/=]{24,255}"),
    _issued("SK", r"SK[0-9a-f]{32}"),
    _issued("AC", r"AC[0-9a-f]{32}:([0-9a-f]{32})"),
    _form(
        Secret.CONNECTION,
        "@tcp( @udp( @unix(",
        r"(?<![\w])[\w.-]{1,64}:([^\s@/\"']{3,128})@(?:tcp|udp|unix)\(",
        lambda m: is_real(m[1]),
    ),
    _issued("SG.", r"SG\.[\w-]{16,32}\.[\w-]{16,64}"),
    _issued("key-", r"key-[0-9a-f]{32}"),
    _issued("-us", r"[0-9a-f]{32}-us[0-9]{1,2}"),
    _issued("npm_", r"npm_[A-Za-z0-9]{36}"),
    _issued("pypi-", r"pypi-[\w-]{50,512}"),
    _issued("rubygems_", r"rubygems_[0-9a-f]{48}"),
    _issued("dckr_", r"dckr_(?:pat|oat)_[\w-]{27,40}"),
    _issued("_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _issued("shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _issued("HRKU-", r"HRKU-[\w-]{36,64}"),
    _issued("dapi", r"dapi[0-9a-f]{32}(?:-[0-9])?"),
    _issued("hf_", r"hf_[A-Za-z0-9]{34}"),
    _issued("lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    _issued("secret_ ntn_", r"(?:secret|ntn)_[A-Za-z0-9]{40,50}"),
    _issued("ATATT3", r"ATATT3[\w=-]{100,255}"),
    _issued("glsa_ glc_", r"gl(?:sa|c)_[\w+/=-]{32,255}"),
    _issued("hvs. hvb.", r"hv[sb]\.[\w-]{24,255}"),
    _issued("phx_", r"phx_\w{40,64}"),
    _issued("sq0", r"sq0(?:atp|csp)-[\w-]{22,43}"),
    _form(Secret.TOKEN, ":AA", r"(?<![0-9])[0-9]{8,10}:AA[\w-]{33}(?![\w-])"),
    _issued(":APA91b", r"AAAA[\w-]{7}:APA91b[\w-]{100,255}"),
    _issued("access_token$", r"access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$([0-9a-f]{32})"),
    _issued("1//0", r"1//0[\w-]{30,255}", Secret.CLOUD),
    _issued("pat", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    _issued("sbp_", r"sbp_[0-9a-f]{40}"),
    _issued("sntrys_ sntryu_", r"sntry[su]_[\w+/=-]{40,512}"),
    _issued("dp.", r"dp\.(?:pt|st|ct|sa|scim)\.[\w.-]{40,64}"),
    _issued("NRAK-", r"NRAK-[A-Z0-9]{27}"),
    _issued("figd_", r"figd_[\w-]{40,64}"),
    _issued("AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    _issued("pscale_", r"pscale_(?:tkn|pw|oauth)_[\w.-]{32,64}"),
    _issued(".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70}"),
    _issued("EAA", r"EAA(?:CEdEose0cBA[A-Za-z0-9]{20,255}|[A-Z][A-Za-z0-9]{90,255}|A[\w-]{56,64})"),
    _issued("AAAAAAAAAAAAAAAAAAAAA", r"A{19,24}[A-Za-z0-9%]{60,100}"),
    _issued(" ".join(_DISCORD), r"[MNO][A-Za-z0-9+/]{22,27}\.[\w-]{6,7}\.[\w-]{27,38}"),
    _form(
        Secret.HASH,
        "$2a$ $2b$ $2x$ $2y$ $argon2 $apr1$ $1$ $5$ $6$ $scrypt$ pbkdf2_sha {SSHA",
        r"\$2[abxy]\$[0-9]{2}\$([./A-Za-z0-9]{53})|\$argon2(?:id|[id])\$[\w=,$]{1,64}\$([\w+/]{16,128})"
        r"|\$(?:apr1|1|5|6)\$(?:rounds=[0-9]{1,9}\$)?[./\w]{2,16}\$([./\w]{22,86})"
        r"|\{SSHA(?:256|384|512)?\}([A-Za-z0-9+/]{30,128}={0,2})"
        r"|pbkdf2_sha[0-9]{1,3}\$[0-9]{1,8}\$[\w./+]{4,64}\$([\w+/]{27,128})",
    ),
    _form(Secret.CLOUD, "X-Goog-Signature X-Amz-Signature", r"X-(?:Goog|Amz)-Signature=([0-9a-f]{64,512})"),
    _issued("PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _issued("CLOJARS_", r"CLOJARS_[0-9a-z]{60}"),
    _issued("cio", r"cio[A-Za-z0-9]{32}"),
    _issued("fo1_ fm1 fm2_", r"f(?:o1_[\w-]{43}|m(?:1[ar]|2)_[\w+/=-]{40,1024})"),
    _issued("xkeysib- xsmtpsib-", r"x(?:key|smtp)sib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    _issued("FLWSECK", r"FLWSECK(?:_TEST)?-[0-9a-f]{12,32}-X"),
    _issued("tfp_", r"tfp_[\w-]{40,60}"),
    _issued("EZAK EZTK", r"EZ[AT]K[A-Za-z0-9]{54}"),
    _issued("duffel_", r"duffel_(?:live|test)_[\w=-]{43}"),
    _issued("CFPAT-", r"CFPAT-[\w-]{43}"),
    _issued("pnu_", r"pnu_[A-Za-z0-9]{36}"),
    _issued("pul-", r"pul-[0-9a-f]{40}"),
    _issued("rdme_", r"rdme_[a-z0-9]{70}"),
    _issued("shippo_", r"shippo_(?:live|test)_[0-9a-f]{40}"),
    _issued("bkua_", r"bkua_[0-9a-f]{40}"),
    _issued("CCIPAT_", r"CCIPAT_[A-Za-z0-9]{22}_[0-9a-f]{40}"),
    _issued("gsk_", r"gsk_[A-Za-z0-9]{48,56}"),
    _issued("r8_", r"r8_[\w-]{37}"),
    _issued("pplx-", r"pplx-[A-Za-z0-9]{48}"),
    _issued("xai-", r"xai-\w{70,90}"),
    _issued("tskey-", r"tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{8,24}-[A-Za-z0-9]{24,48}"),
    _issued("ops_eyJ", r"ops_eyJ[\w=-]{60,4096}"),
    _issued("access-", r"access-(?:sandbox|development|production)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    _issued("LTAI", r"LTAI[A-Za-z0-9]{16,20}", Secret.CLOUD),
    _issued("AKID", r"AKID[A-Za-z0-9]{32}", Secret.CLOUD),
    _issued("AQVN", r"AQVN[\w-]{35,38}", Secret.CLOUD),
    _issued("v1.0-", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}", Secret.CLOUD),
    _issued("cfut_ cfat_ cfk_", r"cf(?:ut|at|k)_[A-Za-z0-9]{40,56}", Secret.CLOUD),
    _issued("GR1348941", r"GR1348941[\w-]{20}"),
    _issued("vcp_ vci_ vca_ vcr_ vck_", r"vc[piark]_[A-Za-z0-9]{48,64}"),
    _issued("nfp_ nfc_ nfo_ nfu_", r"nf[pcou]_[A-Za-z0-9]{36}"),
    _issued("sgp_", r"sgp_(?:[A-Za-z0-9]{64}|(?:[0-9a-f]{16}_)?[0-9a-f]{40})"),
    _issued("aio_", r"aio_[A-Za-z0-9]{28}"),
    _issued("fio-u-", r"fio-u-[\w=-]{64}"),
    _issued("sl.", r"sl\.(?:u\.)?[\w-]{130,1300}"),
    _issued("mlsn.", r"mlsn\.[0-9a-f]{64}"),
    _issued("AKCp", r"AKCp[A-Za-z0-9]{60,100}"),
    _issued("ATBB", r"ATBB[A-Za-z0-9]{24,40}"),
    _issued("dt0", r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    _issued("pat-", r"pat-(?:na|eu|ap)[0-9]-[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    _issued("s-s4t2", r"s-s4t2(?:ud|af)-[0-9a-f]{64}"),
    _issued("sdk-", r"sdk-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    _form(
        Secret.PRIVATE_KEY,
        "\"kty\" 'kty'",
        r"[\"']d[\"']\s{0,2}:\s{0,2}[\"']([\w-]{32,1024})[\"']",
    ),
    _issued("re_", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}", Secret.TOKEN, _mixed),
    _issued("dG9r", r"dG9rO[A-Za-z0-9+/]{54}=?"),
    _issued("SSWS", r"SSWS[ :]{1,2}00[\w-]{40}"),
    _issued("squ_ sqp_ sqa_", r"sq[upa]_[0-9a-f]{40}"),
    _issued("GenieKey", r"GenieKey[ :]{1,2}[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    _issued("NRAA- NRII- NRSP-", r"NR(?:AA|SP)-[a-f0-9]{36}|NRII-[\w-]{32}"),
    _issued("xoxe", r"xoxe(?:\.xox[bp])?-\d-[A-Za-z0-9]{100,255}"),
    _form(
        Secret.TOKEN,
        "sk-",
        r"(?<![\w-])sk-((?:proj|ant|svcacct|admin|or-v1|live|test)-[\w-]{20,255}|[A-Za-z0-9]{32,255})(?![A-Za-z0-9])",
        _mixed,
    ),
    _form(Secret.TOKEN, "sk.eyJ", r"sk\.eyJ[\w-]{20,512}\.[\w-]{10,255}"),
    _form(
        Secret.WEBHOOK,
        "hooks.slack",
        r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[A-Z0-9]{3,16}/[A-Z0-9]{3,16}/([\w/-]{10,128})",
    ),
    _form(Secret.WEBHOOK, "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/[0-9]{5,20}/([\w-]{40,128})"),
    _form(
        Secret.WEBHOOK,
        "/webhook",
        r"(?:outlook\.office(?:365)?|[\w-]{1,63}\.webhook\.office)\.com/webhookb?2?/[\w@./-]{40,512}",
    ),
    _form(Secret.WEBHOOK, "hooks.zapier", r"hooks\.zapier\.com/hooks/(?:catch|standard)/[0-9]{3,12}/\w{5,64}"),
    _form(Secret.WEBHOOK, "maker.ifttt", r"maker\.ifttt\.com/trigger/[\w{}-]{1,64}/(?:json/)?with/key/([\w-]{16,64})"),
    _form(
        Secret.WEBHOOK,
        "chat.googleapis",
        r"chat\.googleapis\.com/v1/spaces/[\w-]{5,32}/messages\?[\w=&%-]{0,128}token=([\w%=-]{20,128})",
    ),
    _form(Secret.WEBHOOK, "hook.", r"hook\.(?:[a-z]{2}[0-9]\.make|integromat)\.com/([a-z0-9]{24,40})"),
    _form(Secret.WEBHOOK, "open-apis/bot", r"(?:feishu\.cn|larksuite\.com)/open-apis/bot/(?:v2/)?hook/[\w-]{30,64}"),
    _form(Secret.WEBHOOK, "robot/send", r"dingtalk\.com/robot/send\?access_token=[0-9a-f]{64}"),
    _form(Secret.WEBHOOK, "webhook/send", r"weixin\.qq\.com/cgi-bin/webhook/send\?key=[0-9a-f-]{36}"),
    _form(Secret.WEBHOOK, "pagerduty", r"events\.pagerduty\.com/integration/[0-9a-f]{32}/enqueue"),
)
