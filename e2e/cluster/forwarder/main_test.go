package main

import (
	"io"
	"net"
	"testing"
)

// listen opens a listener on a free loopback port that closes with the test.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func TestAnswerArrivesAfterTheCallerHasFinishedSending(t *testing.T) {
	target, front := listen(t), listen(t)
	go func() {
		conn, err := target.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		// The target answers only once it has seen the caller's end.
		question, _ := io.ReadAll(conn)
		conn.Write(append([]byte("answer to "), question...))
	}()
	go serve(front, target.Addr().String())

	caller, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	caller.Write([]byte("question"))
	caller.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(caller)
	if err != nil || string(answer) != "answer to question" {
		t.Fatalf("got %q, %v", answer, err)
	}
}

func TestCallerIsToldByACloseThatNothingListensBehind(t *testing.T) {
	target, front := listen(t), listen(t)
	target.Close()
	go serve(front, target.Addr().String())

	caller, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	if answer, _ := io.ReadAll(caller); len(answer) != 0 {
		t.Fatalf("got %q from nobody", answer)
	}
}
