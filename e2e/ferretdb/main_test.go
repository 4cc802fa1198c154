package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// serve runs the whole program and returns an address to connect to.
func serve(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()

	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- run(ctx, []string{"-listen", address, "-data", t.TempDir()}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-result; err != nil {
			t.Errorf("the program ended with: %v", err)
		}
	})
	return address
}

func client(t *testing.T, address string) *mongo.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := mongo.Connect(ctx, options.Client().ApplyURI("mongodb://"+address))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(ctx, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Disconnect(context.Background()) })
	return c
}

// counter is a document under optimistic concurrency control.
type counter struct {
	ID  string `bson:"_id"`
	Rev int64  `bson:"rev"`
	Sum int64  `bson:"sum"`
}

func TestClientsThatRaceCompareAndSetLoseNoUpdate(t *testing.T) {
	address := serve(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := client(t, address).Database("race").Collection("counters").
		InsertOne(ctx, counter{ID: "c"}); err != nil {
		t.Fatal(err)
	}

	const clients, rounds = 4, 50
	var racing sync.WaitGroup
	var clashes atomic.Int64
	for range clients {
		counters := client(t, address).Database("race").Collection("counters")
		racing.Go(func() {
			for done := 0; done < rounds; {
				var seen counter
				if err := counters.FindOne(ctx, bson.M{"_id": "c"}).Decode(&seen); err != nil {
					t.Error(err)
					return
				}
				err := counters.FindOneAndUpdate(ctx,
					bson.M{"_id": "c", "rev": seen.Rev},
					bson.M{"$set": bson.M{"rev": seen.Rev + 1, "sum": seen.Sum + 1}}).Err()
				switch {
				case err == nil:
					done++
				case errors.Is(err, mongo.ErrNoDocuments):
					clashes.Add(1) // somebody else was first: read again
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	racing.Wait()

	var end counter
	if err := client(t, address).Database("race").Collection("counters").
		FindOne(ctx, bson.M{"_id": "c"}).Decode(&end); err != nil {
		t.Fatal(err)
	}
	if end.Sum != clients*rounds || end.Rev != clients*rounds {
		t.Fatalf("after %d updates: %+v", clients*rounds, end)
	}
	t.Logf("%d updates, %d clashes", clients*rounds, clashes.Load())
}

func TestAUniqueKeyIsInsertedOnceByManyAtOnce(t *testing.T) {
	address := serve(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	things := client(t, address).Database("race").Collection("things")
	if _, err := things.Indexes().CreateOne(ctx, mongo.IndexModel{
		Keys: bson.D{{Key: "name", Value: 1}}, Options: options.Index().SetUnique(true),
	}); err != nil {
		t.Fatal(err)
	}

	var racing sync.WaitGroup
	var stored, refused atomic.Int64
	for i := range 16 {
		racing.Go(func() {
			_, err := things.InsertOne(ctx, bson.M{"_id": i, "name": "same"})
			switch {
			case err == nil:
				stored.Add(1)
			case mongo.IsDuplicateKeyError(err):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	racing.Wait()
	if stored.Load() != 1 || refused.Load() != 15 {
		t.Fatalf("%d stored, %d refused", stored.Load(), refused.Load())
	}
}
