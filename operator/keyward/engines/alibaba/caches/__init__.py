"""Tair and Redis instances: accounts by the R-kvstore API, logins at the instance's own endpoints."""
