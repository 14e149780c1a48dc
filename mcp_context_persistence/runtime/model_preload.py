"""Load the default language models beside the start of the server.

Opening a client takes a second or more that the process mostly waits for. In that time a thread
loads the embedding model. Where a server has to be started first, which takes longer, the thread
loads the spaCy model too. An error is left to the call that needs the model.
"""

import logging
import threading
import time
import weakref

from mcp_context_persistence.kg import package_import, thread_start
from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.kg.progress import ReportProgress
from mcp_context_persistence.runtime.config.settings import Config
from mcp_context_persistence.runtime.language_models import shared_embedder, shared_extractor

log = logging.getLogger(__name__)


class _CancelledError(Exception):
    """The client was closed while its model was downloaded."""


class ModelPreload:
    """A thread that loads the default models for one client."""

    def __init__(self, config: Config, progress: ReportProgress | None) -> None:
        """Prepare the thread; `start` starts it.

        Args:
            config: Names the models.
            progress: Is told how far the model is downloaded.
        """
        self._config, self._progress = config, progress
        self._is_closed = False
        self._server_starts = threading.Event()
        self._is_open = threading.Event()
        # The end of the process waits for it, even where a daemon thread opens the client: a thread
        # that is stopped while it imports compiled code aborts the process.
        self._thread = threading.Thread(
            target=self._load, name="context-persistence-models", daemon=False
        )
        renew_locks_in_children(self)

    def start(self) -> None:
        """Start to load the embedding model, unless another one than the default is configured.

        The caller calls `close` where this is interrupted.
        """
        _preloads.add(self)
        try:
            thread_start.start(self._thread)
        except RuntimeError:  # no more threads: the models are loaded when they are used
            log.debug("no model was loaded beforehand: no thread could be started")

    def report(self, stage: str, done: int, total: int) -> None:
        """Pass on how far the server is; the first report says that it has to be started."""
        self._server_starts.set()
        if self._progress:
            self._progress(stage, done, total)

    def finish_opening(self) -> None:
        """Note that the client is open; models not loaded by now are loaded at their first use."""
        self._is_open.set()
        self._server_starts.set()

    def close(self) -> None:
        """Load nothing more; a download that runs is given up."""
        self._is_closed = True
        self.finish_opening()

    def wait(self, seconds: float) -> None:
        """Wait until the thread has ended."""
        if self._thread.ident and self._thread is not threading.current_thread():
            self._thread.join(seconds)

    def _load(self) -> None:
        try:
            self._load_embedder()
            self._server_starts.wait()
            if not self._is_open.is_set():
                self._load_extractor()
        except (ContextPersistenceError, _CancelledError) as error:
            log.debug("a model was not loaded beforehand: %s", type(error).__name__)
        except Exception as error:  # a thread's error would reach nobody
            log.debug("a model was not loaded beforehand: %s", type(error).__name__)

    def _load_embedder(self) -> None:
        from mcp_context_persistence.ingest.models import minilm  # noqa: PLC0415 - slow to import

        name = self._config.sentence_transformer_model
        if minilm.is_name(name):
            shared_embedder(name, self._config.batch_size).load(self._report_download)

    def _report_download(self, stage: str, done: int, total: int) -> None:
        if self._is_closed:
            raise _CancelledError
        if self._progress:
            self._progress(stage, done, total)

    def _load_extractor(self) -> None:
        config = self._config
        if not config.gliner_model:
            shared_extractor(
                config.spacy_model,
                None,
                (),
                config.text_language,
                config.sentence_transformer_model,
            ).load()


_preloads: "weakref.WeakSet[ModelPreload]" = weakref.WeakSet()


def _wait_before_fork(seconds: float) -> None:
    """Wait for the threads: a child would inherit the locks of what they import."""
    end = time.monotonic() + seconds
    for preload in list(_preloads):
        preload.wait(max(end - time.monotonic(), 0.0))


package_import.waits_before_fork.append(_wait_before_fork)
