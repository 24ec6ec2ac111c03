"""MySQL and MariaDB: two flavours of one protocol, which differ in more than ten points that matter here."""
