package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

var redis = way{login: loginRedis, code: codeOfRedis}

// answerError is an error that Redis answered with; its first word says which.
type answerError string

func (e answerError) Error() string { return string(e) }

func loginRedis(
	ctx context.Context, found credential, at endpoint, trusted *tls.Config, timeout time.Duration,
) (string, error) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: timeout}, Config: trusted}
	connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(at.Host, strconv.Itoa(int(at.Port))))
	if err != nil {
		return "", err
	}
	defer connection.Close()
	if err = connection.SetDeadline(time.Now().Add(timeout)); err != nil {
		return "", err
	}
	answers := bufio.NewReader(connection)
	if _, err = ask(connection, answers, "AUTH", found.Username, found.Password); err != nil {
		return "", err
	}
	return ask(connection, answers, "ACL", "WHOAMI")
}

func ask(to io.Writer, answers *bufio.Reader, words ...string) (string, error) {
	command := fmt.Sprintf("*%d\r\n", len(words))
	for _, word := range words {
		command += fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(to, command); err != nil {
		return "", err
	}
	head, err := answers.ReadString('\n')
	if err != nil {
		return "", err
	}
	head = strings.TrimRight(head, "\r\n")
	switch {
	case strings.HasPrefix(head, "-"):
		word, _, _ := strings.Cut(head[1:], " ")
		return "", answerError(word)
	case strings.HasPrefix(head, "$"):
		body, err := answers.ReadString('\n')
		return strings.TrimRight(body, "\r\n"), err
	default:
		return head, nil
	}
}

func codeOfRedis(err error) (code string, refused bool) {
	var answer answerError
	if errors.As(err, &answer) {
		return string(answer), answer == "WRONGPASS"
	}
	return "", false
}
