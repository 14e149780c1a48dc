"""The REST service: every call of the client below `/v1`, over HTTP."""
