"""Policy packs: read, checked, compiled, frozen."""
