"""OpenAI's speech endpoint over HTTP."""
