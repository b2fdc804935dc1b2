"""The shared layer of OAuth Broker: what decides (pure), what tells the stories (flows), what does I/O (doors)."""
