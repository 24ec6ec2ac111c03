"""The demo: a whole Keyward on this machine for a minute, with pods that log in while their credentials are rotated."""
