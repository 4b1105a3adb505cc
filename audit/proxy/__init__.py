"""Live traffic: judged and written down before it is sent on. Only `mitm` knows the program that carries it."""
