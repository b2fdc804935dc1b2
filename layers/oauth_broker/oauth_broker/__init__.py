"""The shared layer of OAuth Broker: what decides is pure, flows tell the stories, doors do the I/O."""
