"""What can go wrong, and whose fault it is.

    DeepSeekOCRError
      SourceError              the input's fault
        UnsupportedSource        no reader for this type, or the converter for it is not installed
        EncryptedSource          a password is needed, or the one given does not open the file
        CorruptSource            empty, truncated, no pages, or not what it says it is
        SourceTooLarge           over a size limit
        PageOutOfRange           a page was asked for that the document does not have
        PageFailed               one page could not be opened, rendered or read in time
      EngineError              the server's or the engine's fault
        EngineUnavailable        not reachable, not installed, busy: another attempt may work
        EngineRejected           refused for good: size, malformed answer
          EngineMisconfigured      no page can be read: address, key, account or model
        OutputError              the model's fault
          TruncatedOutput
          RepeatedOutput
          EmptyOutput
      CitationError            the caller's fault
        UnknownChunk
        SourceChanged            the file is no longer the one that was read

Every message names the file (and the page) and ends with what to do.
"""

from __future__ import annotations


class DeepSeekOCRError(Exception):
    """Base of every error that this package raises on purpose.

    Args:
        message: What happened.
        source: The file, URL or name that the user passed.
        page_number: The page, counted from 1, where one page is to blame.
        hint: What to do about it.
    """

    def __init__(self, message: str, *, source: str = "", page_number: int | None = None, hint: str = "") -> None:
        self.message = message
        self.source = source
        self.page_number = page_number
        self.hint = hint
        super().__init__(message, source, page_number, hint)

    def __str__(self) -> str:
        place = self.source
        if self.page_number is not None:
            place = f"{place}, page {self.page_number}" if place else f"page {self.page_number}"
        text = f"{place}: {self.message}" if place else self.message
        return f"{text} {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.source, self.page_number, self.hint)


def _rebuild(
    kind: type[DeepSeekOCRError], message: str, source: str, page_number: int | None, hint: str
) -> DeepSeekOCRError:
    return kind(message, source=source, page_number=page_number, hint=hint)


class SourceError(DeepSeekOCRError):
    """The input cannot be read."""


class UnsupportedSource(SourceError):
    """There is no reader for this type of input, or its converter is not installed."""


class EncryptedSource(SourceError):
    """The file needs a password, or the password given does not open it."""


class CorruptSource(SourceError):
    """The file is missing, empty, truncated, has no pages or is not a document."""


class SourceTooLarge(SourceError):
    """The file or a page of it is over a limit that the user can raise."""


class PageOutOfRange(SourceError):
    """A page was asked for that the document does not have."""


class PageFailed(SourceError):
    """One page could not be opened, rendered or read within its time; the others go on."""


class EngineError(DeepSeekOCRError):
    """The engine that reads pages failed. ``requests`` and ``history`` say what it cost and what was tried."""

    requests: int = 0
    history: tuple[str, ...] = ()


class EngineUnavailable(EngineError):
    """The engine is not reachable, not installed or busy; another attempt may work."""


class EngineRejected(EngineError):
    """The engine refused for good: size or a malformed answer."""


class EngineMisconfigured(EngineRejected):
    """Address, key, account or model is wrong: no page can be read until it is set right."""


class OutputError(EngineError):
    """The model answered, but not usefully."""


class TruncatedOutput(OutputError):
    """The answer stops before the page does."""


class RepeatedOutput(OutputError):
    """The answer repeats itself without end."""


class EmptyOutput(OutputError):
    """The answer is empty although the page is not."""


class CitationError(DeepSeekOCRError):
    """A citation cannot be resolved or drawn."""


class UnknownChunk(CitationError):
    """The chunk or its metadata is not one of ours."""


class SourceChanged(CitationError):
    """The file is no longer the one that was read, so its boxes would lie."""
