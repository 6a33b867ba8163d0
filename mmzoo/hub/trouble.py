"""Turns every failure of the Hub into one sentence that says what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmzoo.errors import HubError, MmzooError

LOGIN = "log in with `hf auth login`"


@contextmanager
def hub_errors(repo: str, revision: str | None = None, *, sending: bool = False) -> Iterator[None]:
    """Turn errors of the Hub and the network inside the block into HubError; others pass unchanged.

    Args:
        repo: `org/name`.
        revision: The revision requested, if any.
        sending: Whether the block publishes rather than fetches.
    """
    try:
        yield
    except MmzooError:
        raise
    except Exception as error:
        message = sentence(error, repo, revision, sending=sending)
        if message is None:
            raise
        raise HubError(message) from error


def sentence(error: BaseException, repo: str, revision: str | None = None, *, sending: bool = False) -> str | None:
    """The message for an error of the Hub or the network; None for any other error.

    huggingface_hub wraps other errors in "not in the cache" errors, so the causes are examined first.
    """
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    at = f" at revision {revision!r}" if revision else ""
    if sending:
        what, kept = f"{repo}{at} could not be published", "run the same command again; nothing is committed twice"
    else:
        what, kept = f"{repo}{at} could not be fetched", "try again; complete files are kept"
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, errors.HfHubHTTPError):
            return _answered(cause, repo, at, what)
        if isinstance(cause, errors.OfflineModeIsEnabled):
            if sending:
                return f"{what}: the Hub is switched off (HF_HUB_OFFLINE); unset it."
            return (
                f"{repo}{at} is not in the cache and the Hub is switched off (HF_HUB_OFFLINE); unset it and connect"
                " once, or run `mmzoo pull` where there is a network and copy the cache."
            )
        if isinstance(cause, httpx.TimeoutException):
            return f"{what}: the Hub did not answer in time; {kept}."
        if isinstance(cause, httpx.ConnectError):
            uncached = "" if sending else " and is not in the cache"
            return (
                f"{what}{uncached}: there is no connection to the Hub; check the network, and HF_ENDPOINT if it is set."
            )
        if isinstance(cause, httpx.TransportError):
            return f"{what}: the connection broke ({_reason(cause)}); {kept}."
    for cause in chain:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            return f"{repo}{at} cannot be stored: {cause.strerror}; make room or choose another cache with HF_HOME."
        if isinstance(cause, OSError) and "Consistency check failed" in str(cause):
            return f"A file of {repo}{at} arrived with the wrong size; {kept}."
        if isinstance(cause, errors.HFValidationError):
            return f"The Hub does not accept the name {repo!r}{at}; write it as org/name."
    if any(type(cause).__module__.partition(".")[0] == "huggingface_hub" for cause in chain):
        return f"{what} ({_reason(error)}); try again later."
    return None


def unanswered(error: BaseException) -> bool:
    """Whether the Hub could not answer: no connection, a timeout, too many requests, or an error of the server."""
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    for cause in _chain(error):
        if isinstance(cause, errors.HfHubHTTPError):
            return cause.response.status_code == 429 or cause.response.status_code >= 500
        if isinstance(cause, errors.OfflineModeIsEnabled | httpx.TransportError):
            return True
    return False


def _answered(error: Any, repo: str, at: str, what: str) -> str:
    """The message for an error status. The order matters: some errors are subclasses of others."""
    from huggingface_hub import errors

    status, page = error.response.status_code, f"its page {_page(repo)}"
    if isinstance(error, errors.GatedRepoError):
        return f"{repo} on the Hub is gated; accept its license or ask for access on {page}, and {LOGIN}."
    if isinstance(error, errors.DisabledRepoError):
        return f"{repo} on the Hub has been disabled; see {page} for the reason, and use another model."
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repo} on the Hub has no revision{at.removeprefix(' at revision')}; see {page} for branches and tags."
    if isinstance(error, errors.EntryNotFoundError):
        return f"A file of {repo}{at} is no longer on the Hub; try again, or choose another revision."
    refused = "Invalid credentials" in error.response.headers.get("X-Error-Message", "")
    if isinstance(error, errors.RepositoryNotFoundError) or (status == 401 and not refused):
        return f"There is no model {repo} on the Hub, or it is private; check the name, or {LOGIN}."
    if status == 401:
        return f"The Hub does not accept your token for {repo}; {LOGIN}, or set another HF_TOKEN."
    if status == 403:
        return f"Your token has no permission for {repo}{at}; grant it in the Hub's settings, or {LOGIN} again."
    if status == 429:
        wait = error.response.headers.get("Retry-After", "")
        when = f"wait {wait} seconds" if wait.isdigit() else "wait five minutes"
        return f"{what}: the Hub received too many requests; {when}, and {LOGIN} for a higher limit."
    if status >= 500:
        return f"{what}: the Hub has an internal error (status {status}); try again later."
    return f"{what}: the Hub rejected the request (status {status}: {_reason(error)}); check the name and the revision."


def _page(repo: str) -> str:
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repo}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
