"""An OAuth 2.0 authorization server for trying the broker out: `python -m local.demo_provider`.

It has accounts that nobody has to register, a consent page, refresh tokens that rotate with reuse detection,
short lifetimes and a small API. All it knows is in memory and gone when it stops.
"""
