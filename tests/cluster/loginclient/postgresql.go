package main

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var postgresql = way{login: loginPostgreSQL, code: codeOfPostgreSQL}

// The connection is described field by field: a string would give a password a chance to be parsed, and shown in an error.
func loginPostgreSQL(
	ctx context.Context, found credential, at endpoint, trusted *tls.Config, timeout time.Duration,
) (string, error) {
	built, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return "", err
	}
	built.Host, built.Port = at.Host, uint16(at.Port)
	built.User, built.Password, built.Database = found.Username, found.Password, found.Database
	built.TLSConfig = trusted
	built.Fallbacks = nil
	built.ConnectTimeout = timeout
	built.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	connection, err := pgx.ConnectConfig(ctx, built)
	if err != nil {
		return "", err
	}
	defer connection.Close(context.Background())
	var user string
	return user, connection.QueryRow(ctx, "SELECT current_user").Scan(&user)
}

func codeOfPostgreSQL(err error) (code string, refused bool) {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return server.Code, server.Code == "28P01" || server.Code == "28000"
	}
	return "", false
}
