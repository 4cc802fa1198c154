// Command ferretdb speaks MongoDB's wire protocol over SQLite files, for tests
// and for clusters that cannot pull MongoDB's image. It embeds FerretDB and
// puts package serial in front of it, which makes updates atomic. It has no
// authentication and no TLS, so it must never be reachable from outside a
// machine or a cluster.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"

	"courseplatform.dev/e2e/ferretdb/internal/serial"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	if err := run(ctx, os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			os.Exit(0)
		}
		fmt.Fprintln(os.Stderr, "ferretdb:", err)
		os.Exit(1)
	}
}

// run serves until ctx is cancelled. It returns nil after an orderly end.
func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("ferretdb", flag.ContinueOnError)
	listen := flags.String("listen", env("LISTEN_ADDR", "127.0.0.1:27017"), "address to listen on (LISTEN_ADDR)")
	data := flags.String("data", env("DATA_DIR", "/data"), "directory of the SQLite files (DATA_DIR)")
	// FerretDB warns of every command it lacks, and drivers try some at each end.
	level := flags.String("log-level", env("LOG_LEVEL", "error"), "debug, info, warn or error (LOG_LEVEL)")
	if err := flags.Parse(args); err != nil {
		return err
	}

	var slogLevel slog.Level
	if err := slogLevel.UnmarshalText([]byte(*level)); err != nil {
		return fmt.Errorf("log-level: %w", err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slogLevel}))

	sqlite, err := sqliteURL(*data)
	if err != nil {
		return err
	}

	// Nobody but the proxy may talk to FerretDB itself. A name in Linux's
	// abstract socket space needs no file, so a read-only root is enough.
	backend := "@courseplatform-ferretdb-" + rand.Text()
	db, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{Unix: backend},
		Logger:    log,
		Handler:   "sqlite",
		SQLiteURL: sqlite,
	})
	if err != nil {
		return fmt.Errorf("start FerretDB: %w", err)
	}

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}

	// FerretDB outlives the proxy, so that a write under way can finish.
	dbCtx, stopDB := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDB()
	var running sync.WaitGroup
	running.Go(func() {
		if err := db.Run(dbCtx); err != nil {
			log.Error("FerretDB ended", "error", err)
		}
	})

	proxy := &serial.Proxy{Log: log, Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", backend)
	}}
	fmt.Fprintln(os.Stderr, "ferretdb: ready on", listener.Addr())
	err = proxy.Serve(ctx, listener)
	stopDB()
	running.Wait()
	return err
}

// sqliteURL makes the directory when it is missing and writes its name the way
// FerretDB wants it: absolute, and with a slash at the end.
func sqliteURL(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	if dir != "/" {
		dir += "/"
	}
	return "file:" + dir, nil
}

// env returns the variable's value, or fallback when it is unset or empty.
func env(key, fallback string) string {
	if v := os.Getenv(key); v != "" {
		return v
	}
	return fallback
}
