"""One fold, run in different ways. The result does not depend on which."""
