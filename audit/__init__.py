"""Tells, with evidence, whether the telemetry a product really sends is what its vendor says it sends."""

__version__ = "0.1.0"
