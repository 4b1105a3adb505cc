"""The add-on and its server: the one file that knows mitmproxy. It carries; what is judged and written is ours."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mitmproxy import http, options, tcp, tls, udp
from mitmproxy.addons import core, disable_h2c, next_layer, proxyauth, proxyserver, tlsconfig
from mitmproxy.connection import Client
from mitmproxy.master import Master

from audit.model import Contact, Known, Scheme
from audit.policy.destinations import address_of
from audit.proxy.live import MOST_ANSWER, LiveAudit, Refusal
from audit.sources.requests import Request

_SOFT = b'{"success": true}'
_TUNNELS = 10_000


class NotServing(Exception):  # noqa: N818 - the text says what is wrong
    """The proxy could not start."""


@dataclass(frozen=True, slots=True)
class Serving:
    """How to serve. `auth`: user:password that clients must give; `trust`: a file of authorities for the destinations."""

    host: str
    port: int
    mode: str
    ca_dir: str
    soft: bool
    block: bool
    max_body: int
    auth: str | None = None
    trust: str | None = None


class Gate:
    """Hands each request to the audit before it is sent on, and does what that says."""

    def __init__(self, live: LiveAudit, serving: Serving) -> None:
        self.live, self.serving = live, serving
        self.tunnels: dict[str, Contact] = {}

    def http_connect(self, flow: http.HTTPFlow) -> None:
        if flow.response is None and len(self.tunnels) < _TUNNELS:
            at = datetime.now(UTC)
            host, port = flow.request.host.lower(), flow.request.port
            known = Known.CONNECT if address_of(host) is None else Known.ADDRESS
            self.tunnels[flow.client_conn.id] = Contact(host, port, Scheme.TLS, known, at, connected=False)

    def request(self, flow: http.HTTPFlow) -> None:
        self.tunnels.pop(flow.client_conn.id, None)
        if flow.response is not None:
            return  # refused already: the client did not authenticate
        try:
            ruling = self.live.request(_request_of(flow))
        except Exception:  # noqa: BLE001 - what cannot even be read as a request
            flow.response = _answer(Refusal.INTERNAL, soft=False) if self.serving.block else None
            return
        flow.metadata["contact"] = ruling.contact
        if ruling.refusal is not None:
            flow.response = _answer(ruling.refusal, soft=self.serving.soft)
            _let_browsers_read(flow.request, flow.response)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Answers pass as they come, but for short ones of own hosts in which planted values are looked for."""
        contact: Contact | None = flow.metadata.get("contact")
        if flow.response is None:
            return
        size = flow.response.headers.get("content-length", "")
        short = size.isdigit() and len(size) < 10 and int(size) <= MOST_ANSWER
        flow.response.stream = not (short and contact is not None and self.live.wants_answer(contact))

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.response is not None and not flow.response.stream and flow.response.raw_content:
            self.live.answered(flow.response.raw_content, flow.response.headers.get("content-encoding", ""))

    def error(self, flow: http.HTTPFlow) -> None:
        contact = flow.metadata.pop("contact", None)
        server = flow.server_conn
        secure = flow.request.scheme == "https"
        reached = server.timestamp_tls_setup if secure else server.timestamp_tcp_setup
        if contact is not None and flow.response is None and reached is None:
            self.live.failed(contact)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        contact = self.tunnels.pop(data.context.client.id, None)
        if contact is not None:
            self.live.opaque(contact)

    def tcp_start(self, flow: tcp.TCPFlow) -> None:
        self._stream(flow, Scheme.TCP)

    def udp_start(self, flow: udp.UDPFlow) -> None:
        self._stream(flow, Scheme.UDP)

    def _stream(self, flow: tcp.TCPFlow | udp.UDPFlow, scheme: Scheme) -> None:
        self.tunnels.pop(flow.client_conn.id, None)
        address = flow.server_conn.address
        host, port = (address[0].lower(), address[1]) if address else ("unknown", None)
        known = Known.CONNECT if address_of(host) is None else Known.ADDRESS
        refusal = self.live.opaque(Contact(host, port, scheme, known, datetime.now(UTC)))
        if refusal is not None:
            flow.kill()

    def client_disconnected(self, client: Client) -> None:
        contact = self.tunnels.pop(client.id, None)
        if contact is not None:
            self.live.opaque(contact)


def _answer(refusal: Refusal, *, soft: bool) -> http.Response:
    if soft:
        return http.Response.make(200, _SOFT, {"content-type": "application/json"})
    text = f"refused by telemetry-audit: {refusal.value}\n"
    return http.Response.make(403, text.encode(), {"content-type": "text/plain; charset=utf-8"})


def _let_browsers_read(request: http.Request, response: http.Response) -> None:
    """Without these fields a page takes any answer for a failure, and its SDK sends again."""
    origin = request.headers.get("origin")
    if origin:
        response.headers["access-control-allow-origin"] = origin
        response.headers["access-control-allow-credentials"] = "true"
        response.headers["access-control-allow-headers"] = request.headers.get("access-control-request-headers", "")


def _request_of(flow: http.HTTPFlow) -> Request:
    """The request in our words. The body is taken raw: inflating it is ours, within bounds."""
    data = flow.request.data
    fields = (*data.headers.fields, *(data.trailers.fields if data.trailers is not None else ()))
    headers = tuple((_text(name), _text(value)) for name, value in fields)
    host = data.host  # where it really goes: a Host field may name somebody else
    netloc = f"[{host}]" if ":" in host else host
    return Request(
        method=_text(data.method),
        url=f"{_text(data.scheme) or 'http'}://{netloc}:{data.port}{_text(data.path)}",
        headers=tuple(pair for pair in headers if pair[0].lower() != "proxy-authorization"),
        body=None if flow.request.stream else data.content,
        seen_at=datetime.fromtimestamp(data.timestamp_start, UTC),
    )


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def serve(live: LiveAudit, serving: Serving, started: Callable[[str, int], None], tick: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM. `started` is told where it listens; `tick` is called every second."""
    logging.getLogger().addHandler(logging.NullHandler())  # its log quotes requests: nothing of it is shown
    logging.getLogger().setLevel(logging.CRITICAL + 1)
    mask = os.umask(0o077)  # for the key of the authority
    try:
        asyncio.run(_serve(live, serving, started, tick))
    except SystemExit:
        raise NotServing("the proxy could not start: is the port in use?") from None
    finally:
        os.umask(mask)


async def _serve(
    live: LiveAudit, serving: Serving, started: Callable[[str, int], None], tick: Callable[[], None]
) -> None:
    master = _master(live, serving)
    problem: list[str] = []

    class Running:
        def running(self) -> None:
            server = master.addons.get("proxyserver")
            addresses = server.listen_addrs()
            if not addresses:
                faults = [one.last_exception for one in server.servers]
                problem.append(_fault(faults, serving))
                master.shutdown()
                return
            started(str(addresses[0][0]), int(addresses[0][1]))

    master.addons.add(Running())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, master.shutdown)
    clock = asyncio.create_task(_every_second(tick))
    try:
        await master.run()
    finally:
        clock.cancel()
    if problem:
        raise NotServing(problem[0])


def _fault(faults: list[BaseException | None], serving: Serving) -> str:
    known = next((fault.errno for fault in faults if isinstance(fault, OSError) and fault.errno), None)
    why = (
        os.strerror(known) if known is not None else "the address cannot be used"
    )  # its own words name its own options
    return f"{serving.host}:{serving.port}: {why}; name another with --listen"


async def _every_second(tick: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(1)
        tick()


def _master(live: LiveAudit, serving: Serving) -> Master:
    made = options.Options()
    master = Master(made)
    master.addons.add(
        core.Core(),
        disable_h2c.DisableH2C(),
        proxyauth.ProxyAuth(),
        proxyserver.Proxyserver(),
        next_layer.NextLayer(),
        tlsconfig.TlsConfig(),
        Gate(live, serving),
    )
    settings: dict[str, Any] = {
        "mode": [serving.mode],
        "listen_host": serving.host,
        "listen_port": serving.port,
        "confdir": serving.ca_dir,
        "connection_strategy": "lazy",  # nobody is contacted before the request is judged
        "upstream_cert": False,
        "body_size_limit" if serving.block else "stream_large_bodies": str(serving.max_body),
        "proxyauth": serving.auth,
        "ssl_verify_upstream_trusted_ca": serving.trust,
    }
    if "http3" in made:
        settings["http3"] = False
    made.update(**settings)
    return master
