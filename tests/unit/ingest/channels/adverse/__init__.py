"""Payloads written against a channel from its public facts alone, each with what a careful reader expects."""
