package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// linux is a host with OpenSSH. It proves itself by the keys in known_hosts beside the credential, in the place of certificates.
var linux = way{login: loginLinux, code: codeOfLinux, pinned: true}

var (
	errKey        = errors.New("no private key")
	errKnownHosts = errors.New("no known hosts")
)

func loginLinux(
	ctx context.Context, found credential, at endpoint, _ *tls.Config, timeout time.Duration,
) (string, error) {
	key, err := ssh.ParsePrivateKey([]byte(found.PrivateKey))
	if err != nil {
		return "", errKey
	}
	pinned, err := knownhosts.New(filepath.Join(found.folder, "known_hosts"))
	if err != nil {
		return "", errKnownHosts
	}
	address := net.JoinHostPort(at.Host, strconv.Itoa(int(at.Port)))
	dialer := net.Dialer{Timeout: timeout}
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	if err = connection.SetDeadline(time.Now().Add(timeout)); err != nil {
		return "", err
	}
	let := &ssh.ClientConfig{
		User:            found.Username,
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: pinned,
	}
	session, _, _, err := ssh.NewClientConn(connection, address, let)
	if err != nil {
		return "", err
	}
	return session.User(), nil
}

func codeOfLinux(err error) (code string, refused bool) {
	var unknown *knownhosts.KeyError
	switch {
	case errors.Is(err, errKey):
		return "key", false
	case errors.Is(err, errKnownHosts):
		return "known_hosts", false
	case errors.As(err, &unknown):
		return "host_key", false
	// The package has no value for it, only this text of its own.
	case strings.Contains(err.Error(), "ssh: unable to authenticate"):
		return "publickey", true
	default:
		return "", false
	}
}
