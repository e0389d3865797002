"""Real Kafka, registry, Postgres and Valkey from package registries, on 127.0.0.1 only.

`stack` is the door: `up`, `down`, `start`, `kill`, `restart`, `running`.
"""
