"""An append-only, hash-chained directory of what was captured, and what its chain can and cannot prove."""

from audit.evidence.chain import MANIFEST, Break, Record, Torn, is_evidence, plain_file, walk
from audit.evidence.store import Failing, Store, Unusable
from audit.evidence.verify import Report, custody_file, stored, verify

__all__ = [
    "MANIFEST",
    "Break",
    "Failing",
    "Record",
    "Report",
    "Store",
    "Torn",
    "Unusable",
    "custody_file",
    "is_evidence",
    "plain_file",
    "stored",
    "verify",
    "walk",
]
