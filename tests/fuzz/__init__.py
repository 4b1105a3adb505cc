"""Coverage-guided fuzzing of everything that reads a capture. `python -m tests.fuzz --seconds 30`."""
