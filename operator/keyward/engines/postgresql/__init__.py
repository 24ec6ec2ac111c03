"""PostgreSQL: dual and single accounts, created or imported, over psycopg 3."""
