"""Long crash tests, run by `make hammer`."""
