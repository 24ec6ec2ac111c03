"""What Keyward reaches, measured from outside on real servers, beside a bare client that does the same work in the same run.

It prints and writes figures; it is never a test that can fail on a busy machine. `python -m benchmarks --help` says more.
"""
