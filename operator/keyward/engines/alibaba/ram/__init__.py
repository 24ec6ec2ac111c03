"""RAM users: their AccessKeys are issued and withdrawn."""
