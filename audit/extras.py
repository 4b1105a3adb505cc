"""What needs a package that not every installation has."""


def missing(what: str, package: str, extra: str) -> str:
    """The error that says how to get it. Nothing depends on where this program was installed from."""
    return (
        f"{what} needs {package}, which is not installed: pip install '.[{extra}]' in a checkout of telemetry-audit, or "
        f"pip install 'telemetry-audit[{extra}]' from the index that you have it from"
    )
