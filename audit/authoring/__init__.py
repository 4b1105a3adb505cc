"""For those who write policy packs: lint, test, infer, init."""
