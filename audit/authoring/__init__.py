"""For those who write policy packs: what a pack says, how it is tested, and what a change of it lets through."""
