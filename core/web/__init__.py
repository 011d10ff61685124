"""What the control API and the data API have in common: bodies, callers and routes over FastAPI."""
