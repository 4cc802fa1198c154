//! Real servers for tests: a database, vhost or prefix for each test, and a proxy that breaks the network.
