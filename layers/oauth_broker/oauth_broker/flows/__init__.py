"""One file a story: judge purely, act through doors that come as arguments."""
