"""A small coverage-guided fuzzer: inputs that reach new lines of the code under test are kept and changed further."""
