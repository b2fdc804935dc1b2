"""The OAuth 2.0 steps as pure functions: a request to send, and a verdict on what came back."""
