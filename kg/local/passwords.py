"""The password of a copied store: the data has the original's until the server runs."""

import neo4j
import neo4j.exceptions as theirs

from mcp_context_persistence import cypher
from mcp_context_persistence.kg.driver.daemon_threads import DaemonThreads
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.local.files import replace_file
from mcp_context_persistence.kg.local.settings import USER
from mcp_context_persistence.kg.local.store import Store

CHANGE_SECONDS = 20.0


def change_password(store: Store, uri: str) -> None:
    """Give the data the password that `password.new` orders, and write it to `password`.

    It may be interrupted at any point and called again.

    Args:
        store: The store; the caller holds its join lock.
        uri: Address of its server, which `listener_check` has accepted.

    Raises:
        DatabaseError: No password fits, or the server does not answer.
    """
    ordered = store.ordered_secrets()
    if not ordered:
        return
    threads = DaemonThreads(name="context-persistence-password")
    try:
        threads.call(
            lambda: _change_password(uri, [store.password(), *ordered]), seconds=CHANGE_SECONDS
        )
    except theirs.AuthError as error:
        raise DatabaseError(
            f"The password file of the local store {store.folder} does not fit its data: "
            "restore both from the same backup."
        ) from error
    except Exception as error:  # the driver raises any class where it cannot read an answer
        raise DatabaseError(
            "The copied store could not be given a password of its own: try again.", retryable=True
        ) from error
    finally:
        threads.close()
    replace_file(store.secret, ordered[-1])
    store.next_secret.unlink(missing_ok=True)


def _change_password(uri: str, candidates: list[str]) -> None:
    """Log in with the candidate that is valid, and change the password to the last one."""
    new_password = candidates[-1]
    for candidate in candidates:
        auth = (USER, candidate)
        try:
            with neo4j.GraphDatabase.driver(
                uri, auth=auth, connection_timeout=CHANGE_SECONDS, telemetry_disabled=True
            ) as driver:
                driver.verify_connectivity()
                if candidate != new_password:
                    text = cypher.load("maintenance/change_password").text
                    driver.execute_query(
                        text, {"old": candidate, "new": new_password}, database_="system"
                    )
                return
        except theirs.AuthError:
            if candidate == new_password:
                raise
