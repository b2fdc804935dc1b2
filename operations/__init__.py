"""Commands for the people who operate a deployed broker, with their own AWS credentials. Never deployed."""
