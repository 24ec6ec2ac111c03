// Command loginclient logs in to a server again and again with what a mounted credential file says right then.
//
// It prints one JSON line per login. It never prints a password or a text of the server.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

type endpoint struct {
	Host string `json:"host"`
	Port number `json:"port"`
}

type credential struct {
	Engine     string     `json:"engine"`
	Username   string     `json:"username"`
	Password   string     `json:"password"`
	PrivateKey string     `json:"ssh-privatekey"`
	Host       string     `json:"host"`
	Port       number     `json:"port"`
	Database   string     `json:"database"`
	Version    any        `json:"version"`
	Endpoints  []endpoint `json:"endpoints"`
	folder     string
}

// kind names its way: a host has no engine, and is known by its key.
func (c credential) kind() string {
	if c.PrivateKey != "" {
		return "Linux"
	}
	return c.Engine
}

// number takes 5432 and "5432" alike.
type number uint16

func (n *number) UnmarshalJSON(raw []byte) error {
	text := string(raw)
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	value, err := strconv.ParseUint(text, 10, 16)
	*n = number(value)
	return err
}

type line struct {
	Time    int64  `json:"t"`
	Ok      bool   `json:"ok"`
	User    string `json:"user,omitempty"`
	Version any    `json:"version,omitempty"`
	Code    string `json:"code,omitempty"`
	Refused bool   `json:"refused"`
	Millis  int64  `json:"ms"`
}

type options struct {
	path     string
	ca       string
	interval time.Duration
	timeout  time.Duration
	count    int
}

func setting(name, fallback string) string {
	if value, set := os.LookupEnv(name); set {
		return value
	}
	return fallback
}

func parse() (options, error) {
	var chosen options
	flag.StringVar(&chosen.path, "credential", setting("CREDENTIAL", "/credential"), "mounted directory, or the file")
	flag.StringVar(&chosen.ca, "ca", setting("CA_FILE", "/ca/ca.crt"), "certificates that the server's must lead to")
	interval := flag.String("interval", setting("INTERVAL", "200ms"), "pause between the starts of two logins")
	timeout := flag.String("timeout", setting("TIMEOUT", "5s"), "how long one login may take")
	flag.IntVar(&chosen.count, "count", 0, "end after so many logins; 0: at a signal")
	flag.Parse()
	var err, other error
	chosen.interval, err = time.ParseDuration(*interval)
	chosen.timeout, other = time.ParseDuration(*timeout)
	return chosen, errors.Join(err, other)
}

func read(path string) (credential, error) {
	var found credential
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "credential.json")
	}
	found.folder = filepath.Dir(path)
	raw, err := os.ReadFile(path)
	if err != nil {
		return found, err
	}
	return found, json.Unmarshal(raw, &found)
}

func trust(path string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, errors.New("no certificate in it")
	}
	return pool, nil
}

// way is how one kind of server is logged in to. code names an error by the server's number for it or by a word of ours,
// never by its text; it is empty for one that the server did not answer with. pinned: no certificate proves the server.
type way struct {
	login func(ctx context.Context, found credential, at endpoint, trusted *tls.Config, timeout time.Duration) (user string, err error)
	code  func(err error) (code string, refused bool)

	pinned bool
}

// ways has one entry for each kind of server, by the engine that the credential names.
var ways = map[string]way{
	"":           postgresql,
	"PostgreSQL": postgresql,
	"MySQL":      mysqlFamily,
	"MariaDB":    mysqlFamily,
	"Redis":      redis,
	"Linux":      linux,
}

func (w way) class(err error) (code string, refused bool) {
	if code, refused = w.code(err); code != "" {
		return code, refused
	}
	var network net.Error
	var unknown x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown), errors.As(err, &hostname), errors.As(err, &invalid):
		return "tls", false
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout", false
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connect", false
	default:
		return "connection", false
	}
}

func attempt(ctx context.Context, chosen options) []line {
	began := time.Now()
	found, err := read(chosen.path)
	if err != nil {
		return []line{{Time: began.UnixNano(), Code: "file"}}
	}
	known, there := ways[found.kind()]
	if !there {
		return []line{{Time: began.UnixNano(), Code: "engine"}}
	}
	var pool *x509.CertPool
	if !known.pinned {
		if pool, err = trust(chosen.ca); err != nil {
			return []line{{Time: began.UnixNano(), Code: "ca"}}
		}
	}
	places := found.Endpoints
	if len(places) == 0 {
		places = []endpoint{{Host: found.Host, Port: found.Port}}
	}
	lines := make([]line, 0, len(places))
	for _, at := range places {
		lines = append(lines, one(ctx, chosen, known, found, at, pool))
	}
	return lines
}

func one(ctx context.Context, chosen options, known way, found credential, at endpoint, pool *x509.CertPool) line {
	began := time.Now()
	result := line{Time: began.UnixNano(), User: found.Username, Version: found.Version}
	bounded, cancel := context.WithTimeout(ctx, chosen.timeout)
	defer cancel()
	trusted := &tls.Config{RootCAs: pool, ServerName: at.Host, MinVersion: tls.VersionTLS12}
	user, err := known.login(bounded, found, at, trusted, chosen.timeout)
	result.Millis = time.Since(began).Milliseconds()
	result.Ok = err == nil
	if err != nil {
		result.Code, result.Refused = known.class(err)
	} else {
		result.User = user
	}
	return result
}

func main() {
	chosen, err := parse()
	if err != nil {
		fmt.Fprintln(os.Stderr, "interval and timeout are durations such as 200ms")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	out := json.NewEncoder(os.Stdout)
	for done := 0; chosen.count == 0 || done < chosen.count; done++ {
		next := time.After(chosen.interval)
		for _, result := range attempt(ctx, chosen) {
			// A login that our own end cut off is neither a success nor a failure.
			if ctx.Err() == nil {
				_ = out.Encode(result)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-next:
		}
	}
}
