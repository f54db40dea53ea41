"""The state that the log adds up to, and the rules of who may change it: pure."""
