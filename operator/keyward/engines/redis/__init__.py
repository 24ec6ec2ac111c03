"""Redis 6 and newer, and what speaks as it does: ACL users, set on every node, because nothing replicates them."""
