"""SDKs of Node and a real browser through the proxy. `make proof` installs them; captures of them are replayed always."""

from __future__ import annotations

import functools
import http.server
import json
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.collector import Collector, have, proxy, records
from tests.conftest import ROOT, load

MODULES = Path(os.environ.get("TELEMETRY_AUDIT_NODE_MODULES", ROOT / ".proof" / "node_modules"))

pytestmark = [
    pytest.mark.skipif(
        "TELEMETRY_AUDIT_PROOF" not in os.environ or not have("node") or not MODULES.is_dir(),
        reason="one of the long proofs, with Node: make proof",
    ),
    pytest.mark.usefixtures("isolated"),
]

SEND = """
for (let n = 0; n < 7; n++)
  client.track({userId: 'u1', event: 'APPLICATIONS_PAGE_LOAD', properties: {number: n}});
client.identify({userId: 'u1', traits: {plan: 'free'}});
"""
SDKS = {
    "@segment/analytics-node": """
const {Analytics} = require('@segment/analytics-node');
const client = new Analytics({writeKey: 'key', host: process.argv[2], maxEventsInBatch: 3});
%s client.closeAndFlush({timeout: 8000});""",
    "analytics-node": """
const Analytics = require('analytics-node');
const client = new Analytics('key', {host: process.argv[2], flushAt: 3});
%s client.flush();""",
    "@rudderstack/rudder-sdk-node": """
const Analytics = require('@rudderstack/rudder-sdk-node');
const client = new Analytics('key', {dataPlaneUrl: process.argv[2], flushAt: 3});
%s client.flush();""",
}


@pytest.mark.parametrize("sdk", SDKS)
def test_an_sdk_of_node_in_reverse_mode(tmp_path: Path, vendor: Collector, sdk: str) -> None:
    vendor.bodies.clear()
    script = SDKS[sdk] % SEND + "\nsetTimeout(() => process.exit(0), 3000);"
    args = ("--trust-ca", str(vendor.trust), "--mode", f"reverse:{vendor.url}", "-o", "json=result.json")
    with proxy(tmp_path, *args) as running:
        done = subprocess.run(
            ["node", "-", running.url],
            input=script,
            env={**os.environ, "NODE_PATH": str(MODULES)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        running.end()
    result = load(tmp_path / "result.json")
    assert len(vendor.bodies) > 1
    assert result["inputs"][0]["events"] == 8
    assert result["inputs"][0]["unreadable"] == 0


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


PAGE = """<!doctype html><title>product</title><script>
Object.defineProperty(navigator, 'onLine', {get: () => true});
</script><body></body><script src="/analytics.js"></script><script>
const start = (strategy) => {
  return AnalyticsNext.AnalyticsBrowser.load({writeKey: 'key', cdnSettings: {integrations: {'Segment.io': {
    apiKey: 'key', apiHost: 'localhost:%d/v1', protocol: 'https',
    deliveryStrategy: {strategy, config: {size: 3, timeout: 300}}}}}});
};
(async () => {
  const client = start(location.hash.slice(1) || 'standard');
  for (let n = 0; n < 3; n++) client.track('APPLICATIONS_PAGE_LOAD', {number: n});
  if (location.hash) return;
  document.body.appendChild(document.createElement('iframe')).src = '/#batching';
  const event = {type: 'track', event: 'APPLICATIONS_PAGE_LOAD', userId: 'u1', properties: {}, writeKey: 'key'};
  navigator.sendBeacon('https://localhost:%d/v1/t', JSON.stringify(event));
  new Image().src = 'https://localhost:%d/v1/pixel/track?data=' + encodeURIComponent(btoa(JSON.stringify(event)));
})();
</script>"""


@pytest.mark.skipif(not have("chromium"), reason="no browser")
def test_a_browser_with_fetch_batches_a_beacon_and_a_pixel(tmp_path: Path, vendor: Collector) -> None:
    vendor.bodies.clear()
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text(PAGE.replace("%d", str(vendor.port)))
    (site / "analytics.js").symlink_to(MODULES / "@segment" / "analytics-next" / "dist" / "umd" / "index.js")
    for bundle in (MODULES / "@segment" / "analytics-next" / "dist" / "umd").glob("*.bundle.*.js"):
        (site / bundle.name).symlink_to(bundle)
    handler = functools.partial(Quiet, directory=str(site))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with proxy(tmp_path, "--trust-ca", str(vendor.trust), "-o", "json=result.json") as running:
        browser = subprocess.Popen(
            [
                *"chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync".split(),
                *"--disable-background-networking --disable-component-update --ignore-certificate-errors".split(),
                f"--user-data-dir={tmp_path / 'profile'}",
                f"--proxy-server={running.url}",
                "--proxy-bypass-list=<-loopback>",
                "--remote-debugging-port=0",
                f"http://localhost:{server.server_address[1]}/",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and len([r for r in records(running.evidence) if r["kind"] == "request"]) < 6:
            time.sleep(0.2)
        time.sleep(1)
        browser.terminate()
        browser.wait(timeout=20)
        running.end()
    server.shutdown()
    server.server_close()
    result = load(tmp_path / "result.json")
    kept = [
        (r["method"], r["url"].partition("?")[0].rpartition("/v1/")[2]) for r in records(running.evidence) if "url" in r
    ]
    assert ("GET", "pixel/track") in kept
    assert {path for method, path in kept if method == "POST"} >= {"t", "b"}, json.dumps(kept)
    assert result["coverage"]["events"]["APPLICATIONS_PAGE_LOAD"] == 8, json.dumps(kept)
    assert result["inputs"][0]["unreadable"] == 0
