"""From raw lines to redacted findings and verdicts: the fast lane proves, the slow lane explains, judge concludes."""
