"""Users of a Linux host, reached through SSH: a password, or a line in authorized_keys."""
