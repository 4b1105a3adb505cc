"""What to set in the product so that its telemetry passes the proxy."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote


def guide(listening: str, ca: str, reverse: str | None) -> Iterator[str]:
    """Lines to copy. `listening`: host:port; `ca`: the certificate's file; `reverse`: where reverse mode leads."""
    if reverse is not None:
        yield f"Point the product's telemetry host at http://{listening} (or https://, trusting {quote(ca)})."
        yield f"Everything sent there goes on to {reverse}."
        return
    proxy = f"http://{listening}"
    file = quote(ca)
    host, _, port = listening.rpartition(":")
    yield "Set in the product's environment, then restart it:"
    yield f"  any       HTTPS_PROXY={proxy} HTTP_PROXY={proxy} NO_PROXY="
    yield f"  Python    SSL_CERT_FILE={file} REQUESTS_CA_BUNDLE={file}"
    yield f"  Node      NODE_EXTRA_CA_CERTS={file} NODE_USE_ENV_PROXY=1"
    yield "            (Node before 24 ignores HTTPS_PROXY in fetch: use --mode reverse:https://HOST)"
    yield f"  curl      curl --proxy {proxy} --cacert {file} URL"
    yield f"  Java      keytool -importcert -noprompt -alias audit -file {file} -keystore audit.p12 -storepass changeit"
    yield f"            -Dhttps.proxyHost={host.strip('[]')} -Dhttps.proxyPort={port} -Djavax.net.ssl.trustStore=audit.p12"
    yield f"  browser   chromium --user-data-dir=DIR --proxy-server={proxy} --proxy-bypass-list='<-loopback>'"
    yield "            and import the CA as an authority in that throwaway profile"
    yield "A client that ignores all this is not seen: a packet capture shows it (check trace.pcap --air-gapped)."
