"""Database servers of RDS and PolarDB: accounts by their APIs, logins at the endpoints of the server."""
