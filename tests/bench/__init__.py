"""The benchmark: a seeded generator with ground truth, and paired measurements. `python -m tests.bench` prints the ratios."""
