//! CloudEvents over RabbitMQ: outbox, relay, inbox, consumers with retry and dead letters.
