package serial

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

const patience = 10 * time.Second

// backend answers each request with itself; serialised commands only after a
// word from the test.
type backend struct {
	arrived chan string   // the names of commands, as they come
	proceed chan struct{} // one word lets one serialised command finish
	inside  atomic.Int32  // serialised commands that have arrived unanswered
	most    atomic.Int32
}

func (b *backend) dial(context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		for {
			m, err := readMessage(far)
			if err != nil {
				return
			}
			name := "greeting"
			if m.opCode() == opMessage {
				name, _ = m.command()
			}
			if serialised[name] {
				b.most.Store(max(b.most.Load(), b.inside.Add(1)))
				b.arrived <- name
				<-b.proceed
				b.inside.Add(-1)
			} else {
				b.arrived <- name
			}
			if _, err := far.Write(m); err != nil {
				return
			}
		}
	}()
	return near, nil
}

// start runs a proxy before a backend. stop asks it to end; ended is closed
// when it has.
func start(t *testing.T) (b *backend, address string, stop func(), ended chan struct{}) {
	t.Helper()
	b = &backend{arrived: make(chan string, 64), proceed: make(chan struct{}, 64)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Dial: b.dial, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(context.Background())
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		if err := p.Serve(ctx, listener); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); close(b.proceed); <-ended })
	return b, listener.Addr().String(), cancel, ended
}

func connect(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, m message) {
	t.Helper()
	if _, err := c.Write(m); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, c net.Conn) message {
	t.Helper()
	m, err := readMessage(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (b *backend) expect(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-b.arrived:
		if got != want {
			t.Fatalf("the backend got %q, not %q", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("%q never reached the backend", want)
	}
}

func TestReadsAndInsertsPassARunningUpdateAndOtherUpdatesDoNot(t *testing.T) {
	b, address, _, _ := start(t)
	first, second, third := connect(t, address), connect(t, address), connect(t, address)

	send(t, first, wire(opMessage, 0, section0("update")))
	b.expect(t, "update")
	send(t, second, wire(opMessage, 0, section0("delete"))) // has to wait
	for _, name := range []string{"find", "insert"} {
		send(t, third, wire(opMessage, 0, section0(name)))
		b.expect(t, name)
		receive(t, third)
	}
	b.proceed <- struct{}{}
	receive(t, first)
	b.expect(t, "delete")
	b.proceed <- struct{}{}
	receive(t, second)
	if most := b.most.Load(); most != 1 {
		t.Fatalf("%d serialised commands ran at once", most)
	}
}

func TestAClientThatLeavesKeepsTheLockOnlyUntilTheBackendIsDone(t *testing.T) {
	b, address, _, _ := start(t)
	leaver, next := connect(t, address), connect(t, address)

	send(t, leaver, wire(opMessage, 0, section0("findAndModify")))
	b.expect(t, "findAndModify")
	_ = leaver.Close()
	send(t, next, wire(opMessage, 0, section0("update")))
	b.proceed <- struct{}{}
	b.expect(t, "update")
	b.proceed <- struct{}{}
	receive(t, next)
	if most := b.most.Load(); most != 1 {
		t.Fatalf("%d serialised commands ran at once", most)
	}
}

func TestHalfARequestHoldsUpNobody(t *testing.T) {
	b, address, _, _ := start(t)
	slow, quick := connect(t, address), connect(t, address)
	m := wire(opMessage, 0, section0("update"))

	send(t, slow, m[:len(m)-1])
	send(t, quick, m)
	b.expect(t, "update")
	b.proceed <- struct{}{}
	receive(t, quick)
}

func TestAnUnacknowledgedWriteGetsNoReply(t *testing.T) {
	b, address, _, _ := start(t)
	c := connect(t, address)
	ping := wire(opMessage, 0, section0("ping"))

	send(t, c, wire(opMessage, flagMoreToCome, section0("update")))
	send(t, c, ping)
	b.expect(t, "update")
	b.proceed <- struct{}{}
	b.expect(t, "ping")
	if got := receive(t, c); !bytes.Equal(got, ping) {
		t.Fatalf("the reply to the write came through: %x", got)
	}
}

func TestTheOldGreetingPassesAndAnyOtherOperationClosesTheConnection(t *testing.T) {
	b, address, _, _ := start(t)
	greeting := connect(t, address)
	send(t, greeting, wire(opQuery, 0, []byte("admin.$cmd\x00")))
	b.expect(t, "greeting")
	receive(t, greeting)

	compressed := connect(t, address)
	send(t, compressed, wire(2012, 0))
	if m, err := readMessage(compressed); err == nil {
		t.Fatalf("answered with %x", m)
	}
}

func TestAStopLetsACommandFinishAndClosesIdleConnections(t *testing.T) {
	b, address, stop, ended := start(t)
	busy, idle := connect(t, address), connect(t, address)
	send(t, busy, wire(opMessage, 0, section0("update")))
	b.expect(t, "update")

	stop()
	if _, err := readMessage(idle); err == nil {
		t.Fatal("an idle connection got a message")
	}
	b.proceed <- struct{}{}
	receive(t, busy)
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the proxy did not end")
	}
}
