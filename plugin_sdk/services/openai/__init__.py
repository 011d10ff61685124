"""Services over the API of OpenAI, or of a server that speaks it."""
