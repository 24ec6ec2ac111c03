package main

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

var mysqlFamily = way{login: loginMySQL, code: codeOfMySQL}

func loginMySQL(
	ctx context.Context, found credential, at endpoint, trusted *tls.Config, timeout time.Duration,
) (string, error) {
	built := mysql.NewConfig()
	built.Net, built.Addr = "tcp", net.JoinHostPort(at.Host, strconv.Itoa(int(at.Port)))
	built.User, built.Passwd, built.DBName = found.Username, found.Password, found.Database
	built.TLS = trusted
	built.Timeout, built.ReadTimeout, built.WriteTimeout = timeout, timeout, timeout
	built.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(built)
	if err != nil {
		return "", err
	}
	pool := sql.OpenDB(connector)
	defer pool.Close()
	var user string
	err = pool.QueryRowContext(ctx, "SELECT CURRENT_USER()").Scan(&user)
	name, _, _ := strings.Cut(user, "@")
	return name, err
}

func codeOfMySQL(err error) (code string, refused bool) {
	var server *mysql.MySQLError
	if !errors.As(err, &server) {
		return "", false
	}
	switch server.Number {
	case 1045, 1698, 3118, 4151:
		refused = true
	}
	return strconv.Itoa(int(server.Number)), refused
}
