"""All input and output, thin, in one place each."""
