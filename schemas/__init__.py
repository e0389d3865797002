"""The wire: Avro sources, the topic map, and the event types generated from them."""
