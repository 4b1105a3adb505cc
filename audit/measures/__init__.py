"""Measures: folds like rules, judged by people. They count, and never keep a value."""
