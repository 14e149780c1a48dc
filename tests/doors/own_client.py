"""The client of one's own that a client of the service opens."""


class Own:
    """A client of one's own that notes its calls, and leaves the shared one open."""

    def __init__(self, client):
        self._client, self.used = client, []

    def __getattr__(self, name):
        self.used.append(name)
        return getattr(self._client, name)

    def close(self):
        self.used.append("close")
