// Package serial is a proxy for MongoDB's wire protocol that lets one update,
// findAndModify or delete through at a time. FerretDB 1.x reads a document,
// changes it and writes it back by _id without a check, so two of these
// commands at once can lose a change; one at a time cannot. It does nothing
// else: no authentication, no routing, no change of what is stored.
package serial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// Limits of one exchange.
const (
	// replyTimeout bounds how long a write may hold the lock. FerretDB stops a
	// command whose connection closes.
	replyTimeout = 60 * time.Second
	// clientWriteTimeout ends a client that does not read its reply.
	clientWriteTimeout = 30 * time.Second
	// drainTimeout bounds how long Serve waits for commands under way.
	drainTimeout = 10 * time.Second
)

// serialised are the commands that FerretDB carries out as read, change and
// write. Reads change nothing. An insert is one statement in a transaction,
// and SQLite itself holds _id and unique indexes, so inserts may run beside
// anything; an upsert that loses the race for a key against an insert is
// refused with error 11000, as MongoDB may refuse it.
var serialised = map[string]bool{
	"update":        true,
	"findAndModify": true,
	"findandmodify": true, // an old spelling that servers still accept
	"delete":        true,
}

var errRefused = errors.New("refused")

// Proxy forwards connections to a backend. Set its fields before Serve.
type Proxy struct {
	// Dial opens a connection to the backend, one for each client.
	Dial func(context.Context) (net.Conn, error)
	// Log gets what goes wrong with single connections.
	Log *slog.Logger

	turn sync.Mutex // held while a serialised command is at the backend
}

// Serve accepts clients until ctx is cancelled, then lets commands under way
// finish, for a while, and closes everything. It owns the listener.
func (p *Proxy) Serve(ctx context.Context, listener net.Listener) error {
	stopAccepting := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stopAccepting()
	defer listener.Close()

	// Connections end by their own view of ctx; hard ends them at once.
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var clients sync.WaitGroup
	for {
		client, err := listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = client.Close()
			}
			break
		}
		if err != nil {
			var temporary net.Error
			if errors.As(err, &temporary) && !errors.Is(err, net.ErrClosed) {
				// Out of descriptors, most likely: they come back.
				p.Log.Error("accept", "error", err)
				time.Sleep(50 * time.Millisecond)
				continue
			}
			return fmt.Errorf("accept: %w", err)
		}
		clients.Go(func() {
			if err := p.serveClient(ctx, hard, client); err != nil {
				p.Log.Error("connection closed", "client", client.RemoteAddr(), "error", err)
			}
		})
	}

	drained := make(chan struct{})
	go func() { clients.Wait(); close(drained) }()
	select {
	case <-drained:
	case <-time.After(drainTimeout):
		p.Log.Error("commands still running at the end are cut off")
		cancel()
		<-drained
	}
	return nil
}

// serveClient relays request and reply in turns, which is all that drivers do.
func (p *Proxy) serveClient(ctx, hard context.Context, client net.Conn) error {
	defer client.Close()
	backend, err := p.Dial(ctx)
	if err != nil {
		return fmt.Errorf("reach the backend: %w", err)
	}
	defer backend.Close()

	// A stop interrupts the wait for the next request, never a reply.
	stopReading := context.AfterFunc(ctx, func() { _ = client.SetReadDeadline(time.Now()) })
	defer stopReading()
	cutOff := context.AfterFunc(hard, func() { _ = client.Close(); _ = backend.Close() })
	defer cutOff()

	// FerretDB closes a connection after a fatal error. Passing that on at
	// once, and not with the next request, spares the driver a failed one.
	replies := make(chan message)
	done := make(chan struct{})
	defer close(done)
	go func() {
		defer close(replies)
		defer client.SetReadDeadline(time.Now())
		for {
			reply, err := readMessage(backend)
			if err != nil {
				return
			}
			select {
			case replies <- reply:
			case <-done:
				return
			}
		}
	}()

	for {
		// The whole request is here before the lock is taken, so a slow client
		// holds up nobody.
		request, err := readMessage(client)
		if err != nil {
			if ended(err) {
				return nil
			}
			return fmt.Errorf("read request: %w", err)
		}
		exclusive, silent, err := inspect(request)
		if err != nil {
			return err
		}
		reply, err := p.exchange(backend, replies, request, exclusive)
		if err != nil {
			return err
		}
		if silent {
			continue
		}
		if err := client.SetWriteDeadline(time.Now().Add(clientWriteTimeout)); err != nil {
			return fmt.Errorf("write reply: %w", err)
		}
		if _, err := client.Write(reply); err != nil {
			if ended(err) {
				return nil
			}
			return fmt.Errorf("write reply: %w", err)
		}
	}
}

// inspect tells whether a request must have the backend for itself among
// writes, and whether its client expects no reply.
func inspect(request message) (exclusive, silent bool, err error) {
	switch request.opCode() {
	case opQuery:
		// Drivers greet with it; FerretDB takes no other command in this form.
		return false, false, nil
	case opMessage:
		name, err := request.command()
		if err != nil {
			return false, false, err
		}
		if request.flags()&(flagChecksum|flagMoreToCome) == flagChecksum|flagMoreToCome {
			return false, false, fmt.Errorf("%w: checksum on an unacknowledged request", errRefused)
		}
		return serialised[name], request.expectReply(), nil
	default:
		return false, false, fmt.Errorf("%w: operation code %d", errRefused, request.opCode())
	}
}

// exchange sends one request and waits for its reply. The lock of an exclusive
// one ends when the backend has answered (or failed), whatever became of the
// client: not earlier, or the next update could read what this one is about to
// overwrite, and not later, or a client that reads slowly would hold up all.
func (p *Proxy) exchange(backend net.Conn, replies <-chan message, request message, exclusive bool) (message, error) {
	var timeout <-chan time.Time
	if exclusive {
		p.turn.Lock()
		defer p.turn.Unlock()
		timer := time.NewTimer(replyTimeout)
		defer timer.Stop()
		timeout = timer.C
	}
	if err := backend.SetWriteDeadline(time.Now().Add(replyTimeout)); err != nil {
		return nil, fmt.Errorf("forward request: %w", err)
	}
	if _, err := backend.Write(request); err != nil {
		return nil, fmt.Errorf("forward request: %w", err)
	}
	select {
	case reply, open := <-replies:
		if !open {
			return nil, errors.New("the backend closed the connection without a reply")
		}
		return reply, nil
	case <-timeout:
		return nil, errors.New("the backend did not reply in time")
	}
}

// ended tells an orderly end of a connection from a failure.
func ended(err error) bool {
	var timeout net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		(errors.As(err, &timeout) && timeout.Timeout())
}
