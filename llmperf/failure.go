package llmperf

import (
	"cmp"
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"regexp"
	"strings"
	"syscall"

	"llmperf.dev/llmperf/internal/generator"
	"llmperf.dev/llmperf/internal/record"
)

// A FailureClass says why a request failed.
type FailureClass string

// The classes of failure. Step and result count failures by class; those of
// class status are counted by code, as "status 503".
const (
	FailConnect   FailureClass = "connect"       // no connection: refused, unreachable, unknown name; or a proxy would not make one
	FailTLS       FailureClass = "tls"           // TLS handshake or certificate
	FailTimeout   FailureClass = "timeout"       // the scenario's per-request timeout passed
	FailReset     FailureClass = "reset"         // the connection broke before the response began
	FailStatus    FailureClass = "status"        // an HTTP status that is not a success
	FailTruncated FailureClass = "truncated"     // the response broke off before its end
	FailMalformed FailureClass = "malformed"     // the response is not what its protocol says, or longer than any is
	FailInBand    FailureClass = "in_band_error" // an error reported inside a successful response
	FailEmpty     FailureClass = "empty"         // a complete answer without content
	FailTarget    FailureClass = "target"        // any other error of the target, or its panic
	// FailUnfinished counts requests still in flight when the run had to end.
	// Targets don't return it.
	FailUnfinished FailureClass = "unfinished"
	// FailNotSent counts requests of an open loop that were held back by
	// Scenario.MaxInFlight for all of their timeout. Targets don't return it.
	FailNotSent FailureClass = "not_sent"
	// FailGenerator counts requests that this machine could not send, or whose
	// answers it could not take: no more files, local ports or memory for sockets, or
	// no permission to connect. They say nothing of the service: they are in
	// [Stats].GeneratorFailures, neither among Requests nor among Failed, and make
	// their step [Invalid].
	FailGenerator FailureClass = "generator"
)

var recordClasses = map[FailureClass]record.Class{
	FailConnect: record.Connect, FailTLS: record.TLS, FailTimeout: record.Timeout, FailReset: record.Reset,
	FailStatus: record.Status, FailTruncated: record.Truncated, FailMalformed: record.Malformed, FailInBand: record.InBand,
	FailEmpty: record.Empty, FailTarget: record.Target, FailNotSent: record.NotSent, FailUnfinished: record.Unfinished,
	FailGenerator: record.Generator,
}

// A Failure is an error that says under which class a request is to be
// counted. Targets return it; its text appears in reports as an example, so it
// must hold nothing secret.
type Failure struct {
	Class  FailureClass
	Status int // the HTTP status, for FailStatus
	Err    error
}

// Error returns the class and what went wrong.
func (f *Failure) Error() string {
	name := string(f.Class)
	if f.Class == FailStatus {
		name = fmt.Sprintf("status %d", f.Status)
	}
	if f.Err == nil {
		return name
	}
	return name + ": " + f.Err.Error()
}

// Unwrap returns the underlying error.
func (f *Failure) Unwrap() error { return f.Err }

func failf(class FailureClass, format string, args ...any) *Failure {
	return &Failure{Class: class, Err: fmt.Errorf(format, args...)}
}

// classify finds the class of a target's error, and the HTTP status where that
// is the class, or what this machine lacked. ctx is the request's; began says that
// its response had begun.
func classify(ctx context.Context, err error, began bool) (class record.Class, status int16) {
	var failure *Failure
	switch {
	case err == nil:
		return record.OK, 0
	case errors.Is(context.Cause(ctx), errRunOver):
		return record.Unfinished, 0
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return record.Timeout, 0
	case errors.As(err, &failure):
		class, ok := recordClasses[failure.Class]
		switch {
		case !ok:
			return record.Target, 0
		case class == record.Generator:
			return class, int16(cmp.Or(generator.LackOf(err), generator.Other))
		}
		return class, int16(failure.Status)
	case generator.LackOf(err) != generator.None:
		return record.Generator, int16(generator.LackOf(err))
	case isTLS(err):
		return record.TLS, 0
	case isMalformed(err):
		return record.Malformed, 0
	case isConnect(err):
		return record.Connect, 0
	case isBroken(err):
		if began {
			return record.Truncated, 0
		}
		return record.Reset, 0
	case isTimeout(err):
		return record.Timeout, 0
	default:
		return record.Target, 0
	}
}

func isTLS(err error) bool {
	var (
		header    tls.RecordHeaderError
		alert     tls.AlertError
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	return errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &header) || errors.As(err, &alert) || errors.As(err, &verify) ||
		errors.As(err, &authority) || errors.As(err, &hostname) || errors.As(err, &invalid)
}

// notHTTP is in the errors of net/http, of no type that can be told, that say that
// a response is not what HTTP says, or has more in its header than is to be kept.
var notHTTP = regexp.MustCompile(`malformed HTTP|malformed chunked|chunked encoding contains|chunk length|in chunked line|chunked line ends|` +
	`bad Content-Length|invalid empty Content-Length|multiple Content-Length|unsupported transfer encoding|[Tt]railer key|suspiciously long trailer|` +
	`response headers exceeded|header list larger|too many 1xx|parse Location header|` +
	`connection error: (PROTOCOL|FRAME_SIZE|COMPRESSION|FLOW_CONTROL)_ERROR`)

// isMalformed says whether a response is not HTTP, or its compression is wrong.
func isMalformed(err error) bool {
	var protocol textproto.ProtocolError
	var corrupt flate.CorruptInputError
	return errors.As(err, &protocol) || errors.As(err, &corrupt) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) ||
		errors.Is(err, http.ErrLineTooLong) || notHTTP.MatchString(err.Error())
}

// isBroken says whether a connection, or a stream of an HTTP/2 connection, broke
// off.
func isBroken(err error) bool {
	var stream http2Stream
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.As(err, &stream) || strings.Contains(err.Error(), "http2: server sent GOAWAY") ||
		strings.Contains(err.Error(), "unexpected EOF reading trailer")
}

// An http2Stream is the error of a stream that was reset. That of net/http has
// no exported type, but makes itself into any struct with these fields.
type http2Stream struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (http2Stream) Error() string { return "the stream was reset" }

func isConnect(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
