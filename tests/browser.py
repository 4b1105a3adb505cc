"""A real browser without a window, driven over two pipes: nothing to install beside it, and no port is opened."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    *("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-sync"),
    *("--disable-dev-shm-usage", "--password-store=basic", "--force-device-scale-factor=1", "--window-size=1280,900"),
)


def found() -> str | None:
    """Where the browser is, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One tab. `seen`: everything that the browser told since the page was asked for."""

    def __init__(self, commands: int, answers: int) -> None:
        self.commands, self.answers = commands, answers
        self.numbers = itertools.count(1)
        self.rest = b""
        self.seen: list[Json] = []
        self.session: str | None = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> Json:
        """What the browser answers to a command. Raises RuntimeError where it refuses."""
        number = next(self.numbers)
        message: Json = {"id": number, "method": method, "params": params}
        if self.session is not None:
            message["sessionId"] = self.session
        self._send(json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']}")
                return dict(told["result"])
            self.seen.append(told)

    def open(self, path: Path) -> None:
        """A page, loaded to its end."""
        self.seen.clear()
        self.ask("Page.navigate", url=path.absolute().as_uri())
        while not any(told.get("method") == "Page.loadEventFired" for told in self.seen):
            self.seen.append(self._next())

    def value(self, expression: str) -> Any:
        """What a script of ours, not of the page, makes of the page."""
        told = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise RuntimeError(told["exceptionDetails"])
        return told["result"].get("value")

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, exceptions, refused content."""
        kinds = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [json.dumps(told["params"]) for told in self.seen if told.get("method") in kinds]

    def requests(self) -> list[str]:
        """The addresses that were asked for something."""
        sent = (told for told in self.seen if told.get("method") == "Network.requestWillBeSent")
        return [told["params"]["request"]["url"] for told in sent]

    def scheme(self, name: str) -> None:
        """Light or dark, as the reader's system asks."""
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def picture(self, path: Path, *, whole: bool = False) -> Path:
        """A screenshot, of what is on the screen or of the whole page."""
        data = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))
        return path

    def pdf(self) -> bytes:
        """The page as it prints: paper and margins are the page's own."""
        return base64.b64decode(self.ask("Page.printToPDF", preferCSSPageSize=True, printBackground=False)["data"])

    def end(self) -> None:
        """Close it, so that none of its processes writes on into its profile."""
        self.session = None
        with contextlib.suppress(RuntimeError, OSError):
            self.ask("Browser.close")

    def _send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.commands, data) :]

    def _next(self) -> Json:
        while b"\0" not in self.rest:
            more = os.read(self.answers, 1 << 20)
            if not more:
                raise RuntimeError("the browser is gone")
            self.rest += more
        message, _, self.rest = self.rest.partition(b"\0")
        return dict(json.loads(message))


_NUMBERED = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


@contextlib.contextmanager
def browser(program: str, home: Path) -> Iterator[Browser]:
    """A browser of its own, with an empty profile below `home`; ended with the context."""
    with contextlib.ExitStack() as stack:
        pipes = [os.pipe(), os.pipe()]
        # Above 9, so that giving them the numbers 3 and 4 closes neither.
        theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (pipes[0][0], pipes[1][1])]
        ours = (pipes[0][1], pipes[1][0])
        for fd in (pipes[0][0], pipes[1][1]):
            os.close(fd)
        for fd in ours:
            stack.callback(os.close, fd)
        root = ("--no-sandbox",) if os.geteuid() == 0 else ()
        process = stack.enter_context(
            subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    _NUMBERED,
                    *map(str, theirs),
                    program,
                    *FLAGS,
                    *root,
                    f"--user-data-dir={home / 'profile'}",
                    "about:blank",
                ],
                pass_fds=theirs,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        stack.callback(process.kill)
        for fd in theirs:
            os.close(fd)
        running = Browser(*ours)
        yield running
        running.end()
        process.wait(20)
