"""Generation and tokenization in bulk: many rows, in shards that several processes share and resume."""
