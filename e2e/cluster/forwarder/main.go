// Command forwarder carries connections from an address of the host to the
// gateway inside the cluster's network namespace, byte for byte:
//
//	forwarder LISTEN_ADDRESS TARGET_ADDRESS
//
// It must not look into what it carries. It ends with the cluster, by signal.
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync"
	"time"
)

// dialTimeout bounds how long a caller waits for a target that does not answer;
// the node is one hop away, so a second is plenty.
const dialTimeout = 5 * time.Second

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: forwarder LISTEN_ADDRESS TARGET_ADDRESS")
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	serve(listener, os.Args[2])
}

// serve accepts until the process ends. A failed accept (no file descriptor
// left) passes, so it waits a moment instead of ending.
func serve(listener net.Listener, target string) {
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			log.Print(err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go carry(client, target)
	}
}

// carry joins a client with a connection of its own to the target until both
// directions have ended.
func carry(client net.Conn, target string) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", target, dialTimeout)
	if err != nil {
		log.Print(err)
		return
	}
	defer server.Close()

	var both sync.WaitGroup
	both.Go(func() { pump(server, client) })
	both.Go(func() { pump(client, server) })
	both.Wait()
}

// pump copies one direction and then says so to the reader (a half close), as
// the sender did. An error ends both directions: the rest can't arrive.
func pump(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	if half, ok := to.(*net.TCPConn); ok {
		half.CloseWrite()
	}
}
