"""What CI acts on: levels, required claims, exit codes."""
